"""Tissues of the phantom and their acoustic properties."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np


class Tissue(IntEnum):
    """Values of the phantom's tissue label map."""

    OUTSIDE = 0  # not insonated
    SKIN = 1
    SUBCUTANEOUS_FAT = 2
    MUSCLE = 3
    FASCIA = 4
    RIB = 5
    LIVER = 6  # parenchyma
    VESSEL = 7  # blood in a hepatic or portal vein
    VESSEL_WALL = 8  # echogenic wall of a portal vein
    LIVER_CAPSULE = 9
    LIVER_CYST = 10
    CORTEX = 11
    MEDULLA = 12
    SINUS = 13
    KIDNEY_CYST = 14
    KIDNEY_CAPSULE = 15
    PERIRENAL_FAT = 16
    RETROPERITONEUM = 17
    DIAPHRAGM = 18
    LUNG = 19
    BOWEL_GAS = 20
    BOWEL = 21
    GALLBLADDER = 22
    GALLBLADDER_WALL = 23
    CHAMBER = 24  # blood in a large vessel or a heart chamber
    MYOCARDIUM = 25


class Acoustics(NamedTuple):
    """Acoustic properties of one tissue.

    ``echo_db`` is the backscatter level relative to normal liver, ``attenuation`` is in dB/cm/MHz (one way),
    ``streak_db`` is the strength of its layered (fibrous) texture, ``mottle_db`` of its blotchy texture.
    """

    echo_db: float
    attenuation: float
    streak_db: float = 0.0
    mottle_db: float = 0.6


# Attenuation of soft tissue, blood, bone and gas: textbook values (Szabo, Diagnostic Ultrasound Imaging, 2nd ed.,
# appendix B; ICRU Report 61). Backscatter levels follow the order of brightness known to every sonographer:
# sinus > perirenal fat > liver >= cortex > medulla > blood.
ACOUSTICS = {
    Tissue.OUTSIDE: Acoustics(-60.0, 0.0),
    Tissue.SKIN: Acoustics(6.0, 0.6, 2.0),
    Tissue.SUBCUTANEOUS_FAT: Acoustics(-3.0, 0.5, 5.0, 1.5),
    Tissue.MUSCLE: Acoustics(-2.0, 0.7, 6.5, 1.0),
    Tissue.FASCIA: Acoustics(9.0, 0.7, 3.0),
    Tissue.RIB: Acoustics(4.0, 9.0, 1.0),
    Tissue.LIVER: Acoustics(0.0, 0.5, 0.0, 0.8),
    Tissue.VESSEL: Acoustics(-17.0, 0.15),
    Tissue.VESSEL_WALL: Acoustics(6.0, 0.5, 0.0, 1.5),
    Tissue.LIVER_CAPSULE: Acoustics(7.0, 0.6),
    Tissue.LIVER_CYST: Acoustics(-32.0, 0.05),
    Tissue.CORTEX: Acoustics(-3.0, 0.55, 0.0, 0.8),
    Tissue.MEDULLA: Acoustics(-8.0, 0.55, 0.0, 1.0),
    Tissue.SINUS: Acoustics(5.0, 0.6, 2.0, 3.0),
    Tissue.KIDNEY_CYST: Acoustics(-32.0, 0.05),
    Tissue.KIDNEY_CAPSULE: Acoustics(4.0, 0.6),
    Tissue.PERIRENAL_FAT: Acoustics(2.5, 0.55, 2.5, 1.5),
    Tissue.RETROPERITONEUM: Acoustics(-0.5, 0.6, 3.0, 2.0),
    Tissue.DIAPHRAGM: Acoustics(9.0, 1.0),
    Tissue.LUNG: Acoustics(-6.0, 0.9, 1.5, 1.5),
    Tissue.BOWEL_GAS: Acoustics(9.0, 4.0, 3.0, 3.0),
    Tissue.BOWEL: Acoustics(-1.0, 0.6, 3.0, 4.0),
    Tissue.GALLBLADDER: Acoustics(-32.0, 0.05),
    Tissue.GALLBLADDER_WALL: Acoustics(5.0, 0.6),
    Tissue.CHAMBER: Acoustics(-22.0, 0.15),
    Tissue.MYOCARDIUM: Acoustics(-1.0, 0.6, 2.5, 1.5),
}

NORMAL_LIVER_ATTENUATION = ACOUSTICS[Tissue.LIVER].attenuation


def table(name: str) -> np.ndarray:
    """float32 array of one property of :class:`Acoustics`, indexed by the tissue label."""
    return np.array([getattr(ACOUSTICS[tissue], name) for tissue in Tissue], np.float32)


def steatosis_attenuation(fat_fraction: float) -> float:
    """Liver attenuation in dB/cm/MHz at a proton density fat fraction (0..0.5).

    0.5 without fat, about 0.68 at 10 %, 0.81 at 20 % and 0.89 at 30 %, then leveling off at 1.0: between what
    attenuation imaging reports of mild, moderate and severe steatosis and the straight line of fat phantoms, 0.501 +
    0.012 PDFF[%] (Chen et al., PMC12785858), from which it departs by less than 0.08 up to 40 %.
    """
    return NORMAL_LIVER_ATTENUATION + 0.6 * (1.0 - math.exp(-fat_fraction / 0.28))


def steatosis_backscatter_db(fat_fraction: float) -> float:
    """Rise of liver backscatter in dB at a proton density fat fraction (0..0.5).

    About 4 dB at 5 %, 7 dB at 10 % and 10 dB at 30 %: the backscatter coefficient of liver rises by roughly an order of
    magnitude from normal to severe steatosis and saturates, as quantitative ultrasound against MRI-PDFF shows.
    """
    return 10.5 * (1.0 - math.exp(-fat_fraction / 0.1))


def steatosis_wall_contrast(fat_fraction: float) -> float:
    """Factor 0..1 on the contrast of vessel walls: they blur and vanish as fat replaces parenchyma."""
    return math.exp(-fat_fraction / 0.12)
