"""Shape and composition of the tissue: its declared numbers."""

from __future__ import annotations

from lobule.agents.declare import Parameter, Parameters

_WANG = "PhysiCell liver model of Wang et al. 2023 (liver-mechanobiology)"

GEOMETRY = Parameters(
    "geometry",
    "Shape and composition of the tissue",
    pitch=Parameter(
        23.0,
        "um",
        15.0,
        35.0,
        "Distance between neighbouring sites: the width of a hepatocyte.",
        "hepatocyte diameter 20-30 um, textbook histology",
        {"rat": 24.0, "human": 25.0},
    ),
    thickness=Parameter(
        15.4,
        "um",
        5.0,
        40.0,
        "Thickness of a layer, such that one site is the tissue volume of one hepatocyte.",
        "derived: 1 / (hepatocytes per gram x 1.05 g/mL) over the area of a site",
        {"rat": 16.32, "human": 14.7},
    ),
    radius=Parameter(
        284.0,
        "um",
        100.0,
        1000.0,
        "Distance from the central vein to a corner of the lobule.",
        "mouse: Hoehme et al. 2010 PNAS 107:10371; man: 1.0-1.3 mm across, Ricken et al. 2015; "
        "rat: 0.7-1.0 mm across, textbook histology",
        {"rat": 350.0, "human": 500.0},
    ),
    crowding=Parameter(
        4.0,
        "cells",
        1.0,
        10.0,
        "Stellate cells, macrophages and MSC that find room at one site.",
        "assumed: a site holds 7 pL of tissue, most of it hepatocyte",
    ),
    extracellular_fraction=Parameter(
        0.20,
        "-",
        0.05,
        0.5,
        "Share of the tissue volume that is extracellular: sinusoid 0.15 and space of Disse 0.05.",
        "assumed, from a sinusoidal porosity of 15.3 +/- 3.9 % (Peeters et al. 2017, PMC5314389)",
    ),
    hepatocytes_per_gram=Parameter(
        1.35e8,
        "1/g",
        0.5e8,
        2.5e8,
        "Hepatocytes in one gram of wet liver.",
        "Sohlenius-Sternbeck 2006 Toxicol In Vitro 20:1582",
        {"rat": 1.17e8, "human": 1.2e8},
    ),
    central_vein_radius=Parameter(26.5, "um", 5.0, 100.0, "Radius of the central vein.", _WANG),
    portal_tract_radius=Parameter(23.0, "um", 5.0, 100.0, "Radius of a portal tract.", _WANG),
)
