"""Tables of the healthy subject by age: mouse, rat, man and woman.

A number is "read" if it was seen in the named source, "recalled" if it is quoted from memory, and else
"assumed" or "derived". Between the ages of a table :mod:`lobule.subjects` interpolates.
"""

from __future__ import annotations

#: Iron of haemoglobin, mg/g: four atoms in 64.5 kDa. The same number as ``body.haemoglobin_iron``.
HAEMOGLOBIN_IRON = 3.47
#: Obligatory loss of iron, ug per gram of body weight and day, unless told otherwise; as ``body.loss``.
LOSS = {"mouse": 0.33, "rat": 0.28, "human": 0.0133}
#: Iron a menstruating woman loses, mg/d averaged over the cycle. Recalled: 0.5-0.7.
MENSES = 0.6
#: Menstruation over the years of life: none before 12.5, in full from 13.5 to 49, none from 51. Recalled: 13
#: to 50 years; a year of beginning and two of ending are assumed.
MENSES_AGES = (12.5, 13.5, 49.0, 51.0)
#: Blood of a mouse, mL/g of body weight. Recalled.
MOUSE_BLOOD = 0.085

# Wild type, 0.02 % iron diet, males. Derived from published growth (B6 males 25.4 g at 96 d), blood volume
# (0.085 mL/g), haemoglobin by age, liver weight (4.5-5 % of body weight), liver iron (370 ug/g dry weight at
# ten weeks: Zhou 1998; 441 +/- 85 in adults on an adequate diet) and 12 ug/g elsewhere; absorption is the
# change of the total plus a loss of 0.33 ug per gram and day (ferrokinetic model of Parmar 2017).
MOUSE = """
age_d  body_g  liver_g  red_ug  marrow_ug  spleen_ug  liver_ug_g  other_ug  absorbed_ug_d
21     10.1    0.45     343     22         3          85          121       35
28     13.7    0.65     514     30         4          150         164       40
35     16.8    0.84     693     38         5          215         201       38
42     19.3    0.97     826     42         8          280         232       32
56     22.7    1.13     1007    43         18         325         272       20
70     24.4    1.22     1094    38         22         370         293       14
120    26.0    1.30     1150    40         25         425         310       8.5
"""

# The columns of rat and man:
#   body       body weight, g (rat) or kg (man)
#   liver      liver weight, % of body weight (rat) or g (man)
#   blood      volume which the venous haemoglobin fills, mL/kg: in man the blood volume times 0.91, as small
#              vessels hold fewer red cells than veins (recalled)
#   hb         haemoglobin of venous blood, g/L
#   lic        liver iron, mg/g dry weight
#   marrow     iron of the marrow, % of that of red cells: production (replacement and growth) times
#              body.marrow_time, derived
#   tissue     iron of other tissue that is no store (myoglobin, enzymes), ug/g of body weight
# Red cells are body x blood x hb x 3.47 mg/g.

# Sprague-Dawley and Wistar-like males. Body weight: recalled, between the growth curves of the two strains.
# Liver: recalled, 4.5 % at weaning, 3.7 % grown up. Blood: 0.06 mL/g + 0.77 mL (Lee and Blaufox 1985,
# recalled). Haemoglobin: recalled; read, 171 +/- 7 in grown males (PMC4195416, table 1). Liver iron: read,
# 0.22 +/- 0.02 mg/g in males of 480 g (same table); elsewhere 0.3-0.5, recalled; a low level at weaning and
# the slow rise with age are assumed after the mouse. Other tissue: 12 ug/g, stores and all, as in the
# mouse, assumed.
RAT_MALE = """
age_d  body   liver  blood  hb   lic   marrow  tissue
21     52     4.5    74.8   100  0.15  12.5    12
28     88     4.6    68.8   118  0.19  11.0    12
35     135    4.6    65.7   130  0.23  9.0     12
42     183    4.5    64.2   138  0.26  7.3     12
49     230    4.4    63.3   144  0.28  6.0     12
56     270    4.3    62.9   148  0.29  4.8     12
70     330    4.15   62.3   152  0.31  3.4     12
90     385    4.0    62.0   155  0.33  2.9     12
112    430    3.9    61.8   156  0.35  2.6     12
140    470    3.8    61.6   157  0.37  2.4     12
182    515    3.7    61.5   157  0.39  2.3     12
270    560    3.7    61.4   156  0.43  2.2     12
365    590    3.7    61.3   155  0.46  2.1     12
545    610    3.7    61.3   151  0.49  2.1     12
730    600    3.7    61.3   146  0.50  2.1     12
"""
# Females: liver iron 1.7 times that of males once grown up (read: at 4 months males have 56.7 % of the
# non-haem iron of females, abstract of "Sex differences in iron status and hepcidin expression in rats",
# Sprague-Dawley); the rest as for males.
RAT_FEMALE = """
age_d  body   liver  blood  hb   lic   marrow  tissue
21     49     4.5    75.7   100  0.15  12.5    12
28     79     4.6    69.7   118  0.21  11.0    12
35     115    4.6    66.7   130  0.28  9.0     12
42     146    4.5    65.3   138  0.34  7.3     12
49     170    4.4    64.5   143  0.39  6.0     12
56     190    4.3    64.1   146  0.43  4.8     12
70     220    4.15   63.5   149  0.49  3.4     12
90     246    4.0    63.1   151  0.55  2.9     12
112    264    3.9    62.9   152  0.59  2.6     12
140    280    3.8    62.8   152  0.62  2.4     12
182    297    3.7    62.6   152  0.66  2.3     12
270    320    3.7    62.4   151  0.71  2.2     12
365    338    3.7    62.3   150  0.75  2.1     12
545    358    3.7    62.2   147  0.79  2.1     12
730    362    3.7    62.1   143  0.80  2.1     12
"""

# Men. Body weight: medians of WHO (to 10 y) and CDC (to 20 y), recalled; 75 kg grown up (adult of the
# model); the loss of old age is assumed. Liver: ICRP 89, read in a copy (130 g newborn, 330 at 1 y, 570 at
# 5, 830 at 10, 1300 at 15), from there to 1.5 kg (20 g/kg) instead of the 1.8 kg of ICRP, blood included; a
# quarter smaller in old age, recalled. Blood: read, 80-85 mL/kg newborn, 75-80 at 1 y, 70-75 at 6 y, 65-70
# at 15 y, 4-5 L grown up (Donker, table 2); newborn 88 for late clamping of the cord, recalled.
# Haemoglobin: read in a copy of Dallman's table (cord 165, 1-3 d 185, 2 wk 165, 1 mo 140, 2 mo 115, to 6 mo
# 115, to 2 y 120, to 6 y 125, to 12 y 135, boys 145, men 155), with 150 for men. Marrow: 300 mg beside 2.5
# g. Tissue: read, 26 mg at 3 kg, 20 at 10, 80 at 23, 205 at 50 and 280 at 70 (Donker), smoothed. Liver
# iron: storage iron read in abstracts of two series of autopsies (Canada 1976; 125 normal subjects) and
# turned into dry weight by 3.4, plus about 0.1 mg/g that is no store (assumed): newborn 0.5-1.0, then
# falling; 0.34 from the second to the 15th year; men 0.79 to 0.85, reached within 2-3 years after 15,
# changing little with age (Bothwell, 3,983 specimens). The slow rise to 1.05 is assumed. In the first year
# it is derived: what is left of a smooth course of total iron from 297 mg to 450 mg (read: 270-340 and
# 450-500; gain 0.03, 0.28 and 0.35 mg/d in the first half year on breast, mixed and formula feeding,
# PMC11235178) by the red cells, whose iron goes to the stores when haemoglobin falls and comes back as the
# child grows.
MAN = """
age_y  body   liver  blood  hb     lic   marrow  tissue
0      3.4    130    88     172    1.06  12      7.0
0.04   3.75   136    86     162    1.00  12      6.4
0.083  4.5    145    84     142    0.89  12      5.4
0.125  5.1    152    83     127    0.87  12      4.9
0.167  5.6    160    82     117    0.87  12      4.4
0.208  6.0    167    81.2   113.5  0.81  12      4.1
0.25   6.4    175    80.5   113    0.70  12      3.9
0.333  7.0    192    79.5   114.5  0.54  12      3.6
0.5    7.9    225    78     118    0.41  12      3.3
0.75   8.9    280    77     120    0.38  12      3.3
1      9.7    330    76     121    0.42  12      3.3
1.5    11.0   375    75.5   122    0.42  12      3.3
2      12.2   410    75     123    0.43  12      3.3
3      14.3   465    74     124    0.44  12      3.3
4      16.3   520    73.5   125    0.45  12      3.4
5      18.4   570    73     126    0.46  12      3.4
6      20.6   622    72.5   128    0.47  12      3.5
8      25.6   725    72     131    0.48  12      3.6
10     31.8   830    71.5   134    0.49  12      3.7
11     35.7   890    71.5   136    0.50  12      3.8
12     40.2   960    71.5   138    0.51  12      3.8
13     45.3   1040   71.5   140    0.53  12      3.9
14     50.8   1130   71.5   143    0.60  12      4.0
15     56.0   1220   71     146    0.68  12      4.0
16     60.6   1300   70     148    0.74  12      4.0
17     64.3   1360   69     149    0.79  12      4.0
18     67.0   1400   68     150    0.82  12      4.0
20     70.4   1450   66.5   150    0.86  12      4.0
25     73.8   1490   64.7   150    0.91  12      4.0
30     75.0   1500   64     150    0.95  12      4.0
40     75.5   1500   63.9   150    1.00  12      4.0
50     75.5   1490   63.9   150    1.03  12      4.0
60     75.0   1460   64     149    1.05  12      4.0
70     73.5   1380   64     146    1.05  12      4.0
80     71.0   1260   64     142    1.05  12      4.0
90     68.0   1140   64     138    1.05  12      4.0
"""
# Women: sources as for men; body weight 62 kg, liver 1.3 kg grown up. Haemoglobin 135 g/L; liver iron:
# storage iron 130 against 233 ug/g wet weight before the menopause, that of men after it (read, abstract of
# 125 autopsies).
WOMAN = """
age_y  body   liver  blood  hb     lic   marrow  tissue
0      3.3    128    88     172    1.07  12      7.0
0.04   3.65   134    86     162    1.00  12      6.4
0.083  4.3    142    84     142    0.95  12      5.4
0.125  4.8    148    83     127    0.98  12      4.9
0.167  5.2    155    82     117    1.01  12      4.4
0.208  5.6    162    81.2   113.5  0.93  12      4.1
0.25   5.9    170    80.5   113    0.85  12      3.9
0.333  6.5    185    79.5   114.5  0.66  12      3.6
0.5    7.4    217    78     118    0.48  12      3.3
0.75   8.3    267    77     120    0.44  12      3.3
1      9.1    315    76     121    0.43  12      3.3
1.5    10.4   360    75.5   122    0.42  12      3.3
2      11.6   395    75     123    0.43  12      3.3
3      13.9   455    74     124    0.44  12      3.3
4      16.0   512    73.5   125    0.45  12      3.4
5      18.2   565    73     126    0.46  12      3.4
6      20.3   615    72.5   128    0.47  12      3.5
8      25.3   720    72     130    0.48  12      3.6
10     32.3   835    71     132    0.49  12      3.7
11     36.9   905    70.5   133    0.50  12      3.8
12     41.6   980    70     134    0.51  12      3.8
13     45.8   1055   69     134    0.52  12      3.9
14     49.3   1115   68     135    0.53  12      4.0
15     52.0   1160   66.5   135    0.54  12      4.0
16     53.9   1195   65     135    0.55  12      4.0
17     55.2   1215   64     135    0.56  12      4.0
18     56.3   1230   63     135    0.57  12      4.0
20     58.0   1255   61.8   135    0.59  12      4.0
25     59.9   1285   60.5   135    0.62  12      4.0
30     60.8   1300   60     135    0.64  12      4.0
40     61.5   1300   60     135    0.67  12      4.0
49     62.0   1295   60     135    0.70  12      4.0
52     62.0   1290   60     136    0.75  12      4.0
55     62.0   1280   60     137    0.82  12      4.0
60     62.0   1260   60     137    0.92  12      4.0
65     61.8   1230   60     137    0.98  12      4.0
70     61.2   1190   60     136    1.00  12      4.0
80     59.2   1090   60     134    1.00  12      4.0
90     56.5   990    60     131    1.00  12      4.0
"""

#: Iron of the spleen over that of red cells. Derived: the 65 % of old red cells that end there, over their
#: life and times the stay, as in body.liver_recycling, .red_cell_life and .spleen_release_half_life. Man 31
#: mg (recalled: about 40), rat 220 ug at 470 g (read: 1.6 mg/g dry weight, PMC4195416, or about 300 ug).
SPLEEN = {"human": 0.0125, "rat": 0.0141}
#: Stores outside the liver, spleen and all, over those in it. Man: the liver holds 0.555 of them (derived
#: from the 10.6 mg/kg of stores per mg/g of liver iron of Angelucci 2000). Rat: they are in the column of
#: tissue iron.
OUTSIDE = {"human": 1.0 / 0.555 - 1.0, "rat": 0.0}
