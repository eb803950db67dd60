"""What fat does to the echo of the liver: the relations that drive the simulated cohort.

``fat_fraction`` is the proton density fat fraction, 0..0.5. Single livers depart from these means as
:mod:`.subjects` draws them.
"""

from __future__ import annotations

import math

# fraction of fat whose droplets scatter as much as all else in the liver
_EQUAL_SCATTER = 0.033


def attenuation_db_cm_mhz(fat_fraction: float) -> float:
    """Attenuation of the liver, one way: ``0.501 + 0.012 PDFF[%]`` dB/cm/MHz.

    Source: Chen et al., Fat Content Quantification with US Attenuation Coefficient: Phantom Correlation with MRI Proton
    Density Fat Fraction (PMC12785858), measured for 0 to 50 % with three vendors' attenuation tools. That livers follow
    more loosely (Spearman 0.66 with MRI-PDFF in 87 patients: Jeon et al., Ultrasound Med Biol 2019, attenuation
    imaging) is left to the subjects' own departure.
    """
    return 0.501 + 0.012 * 100 * fat_fraction


def backscatter_db(fat_fraction: float) -> float:
    """Backscatter of the liver above that without fat: ``10 log10(1 + f / 0.033)`` dB.

    Droplets are scatterers beside those of the parenchyma, and the intensities of independent scatterers add (Insana et
    al., J Acoust Soc Am 1990;87:179), so the backscatter coefficient grows linearly with the fraction of fat. The
    constant, 4 dB at 5 % and 10 dB at 30 %, is a choice: it lets the coefficient grow tenfold from a normal to a
    severely fatty liver, the order of magnitude over which it rises with MRI-PDFF in Lin et al. (Clin Gastroenterol
    Hepatol 2015;13:1337) and Han et al. (Radiology 2020, PMC7104700).
    """
    return 10.0 * math.log10(1.0 + fat_fraction / _EQUAL_SCATTER)


def vessel_fill_db(fat_fraction: float) -> float:
    """Off-axis echo within vessels relative to the parenchyma beside them: -22 dB without fat, -9 at 20 %, -5 at 40 %.

    Side lobes raised by aberration fill the lumen; with :func:`beam_widening` it is the blurring of veins that Byra et
    al. (J Ultrasound Med 2021, Figure 2) show at 7, 19 and 39 % fat. No one has published it as a number: the values
    are a choice by the look of that description. How vessel walls lose their contrast is
    :func:`HepatoRenalIndexLib.simulation.tissues.steatosis_wall_contrast`.
    """
    return -22.0 + 19.0 * (1.0 - math.exp(-fat_fraction / 0.17))


def beam_widening(fat_fraction: float, subcutaneous_mm: float) -> float:
    """Factor on the width of the beam by aberration in hepatic and subcutaneous fat, 1 to about 2.3; a choice too."""
    return 1.0 + 1.2 * (1.0 - math.exp(-fat_fraction / 0.25)) + 0.01 * subcutaneous_mm
