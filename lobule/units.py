"""Conversions between the inside (um, h, pL, fmol, ag) and what a laboratory reports."""

IRON_MOLAR_MASS = 55.845  # g/mol
FMOL_PER_PG = 1000.0 / IRON_MOLAR_MASS  # iron
UMOL_PER_UG = 1.0 / IRON_MOLAR_MASS  # iron
UMOL_PER_FMOL = 1e-9
FMOL_PER_UM_PL = 1e-3  # amount in 1 pL at 1 uM
HOURS_PER_DAY = 24.0
LN2 = 0.6931471805599453
PL_PER_ML = 1e9
WET_TO_DRY_LIVER = 3.4  # usual range 3.3-3.5; assumed
