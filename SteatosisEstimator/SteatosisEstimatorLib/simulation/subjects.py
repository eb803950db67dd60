"""The subjects of the simulated cohort: fat fraction, body, liver, kidney, and who scanned them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError

from .fat import attenuation_db_cm_mhz, backscatter_db, vessel_fill_db
from .scanners import SCANNERS, Scanner, scanner_of

# Quantiles of PDFF in percent. 31 % lie below 5 %, as among the 204 adults of Lin et al. (Clin Gastroenterol Hepatol
# 2015;13:1337); from there on they are spread as the 118 above 5 % of Byra et al. (J Ultrasound Med 2021, doi
# 10.1002/jum.15693, Participants Characteristics): 34 below 10 %, 5 above 30 %.
_CLINIC_SHARES = (0.0, 0.31, 0.509, 0.971, 1.0)
_CLINIC_PERCENT = (1.0, 5.0, 10.0, 30.0, 40.0)
_GOLDEN = 0.6180339887498949
# walls of portal veins face the beam more often than not: they stand out by this more than their tissue alone
_WALL_DB = 4.0


def clinic_fat_percent(share: float) -> float:
    """PDFF in percent below which the ``share`` (0..1) of a NAFLD clinic's subjects lie, 1 to 40."""
    return float(np.interp(share, _CLINIC_SHARES, _CLINIC_PERCENT))


def uniform_fat_percent(share: float) -> float:
    """The same for a cohort with 1 to 40 % equally often."""
    return 1.0 + 39.0 * float(share)


FatPercent = Callable[[float], float] | Sequence[float]


@dataclass(frozen=True)
class Subject:
    """One simulated subject with everything that its views have in common. Lengths in mm, levels in dB.

    ``seed`` with the name of a view decides what is new in each view. ``liver_db`` is this liver's backscatter above
    that of a normal one, ``liver_attenuation`` in dB/cm/MHz; ``gain_db`` and ``tgc_db_cm_mhz`` are the examiner's.
    """

    name: str
    seed: tuple[int, int]
    scanner: Scanner
    fat_fraction: float  # proton density fat fraction, 0..0.5
    size: float  # of the organs, 0.9..1.1
    skin_mm: float
    fat_mm: float
    muscle_mm: float
    liver_db: float
    liver_attenuation: float
    coarseness_db: float
    border_roughness_mm: float
    kidney_half_length: float
    kidney_half_thickness: float
    kidney_lobulation: float
    kidney_sinus: float
    pyramids: int
    perirenal_fat_mm: float
    cortex_db: float
    medulla_db: float
    sinus_db: float
    contrast: float
    wall_db: float
    vessel_fill_db: float
    specular_db: float
    gain_db: float
    tgc_db_cm_mhz: float
    tgc_errors_db: tuple[float, ...]
    intercostal_contact_db: float

    @property
    def fat_percent(self) -> float:
        """Reference value of the cohort."""
        return 100.0 * self.fat_fraction

    @property
    def wall_mm(self) -> float:
        """Thickness of the body wall."""
        return self.skin_mm + self.fat_mm + self.muscle_mm

    def view_rng(self, view: str) -> np.random.Generator:
        """The generator of what is this view's own."""
        return np.random.default_rng([*self.seed, *view.encode()])


def _subject(index: int, seed: int, fat_percent: float, scanner: Scanner) -> Subject:
    rng = np.random.default_rng([seed, index, 1])
    fat = round(fat_percent, 2) / 100
    size = float(np.clip(rng.normal(1.0, 0.05), 0.9, 1.1))
    # the obese have more fat in the liver, but many lean people do and many obese do not
    subcutaneous = rng.gamma(4.0, 3.0 + 4.0 * min(fat, 0.3))
    fibrotic = rng.random() < 0.08 + 0.5 * min(fat, 0.3)
    half_length = size * rng.uniform(47, 57)
    # the examiner turns the gain down for a bright liver, and TGC up for an attenuating one, by some part
    excess = attenuation_db_cm_mhz(fat) - attenuation_db_cm_mhz(0)
    return Subject(
        name=f"S{index + 1:03d}",
        seed=(seed, index),
        scanner=scanner,
        fat_fraction=fat,
        size=size,
        skin_mm=float(rng.uniform(1.5, 2.5)),
        fat_mm=float(np.clip(subcutaneous, 4, 32)),
        muscle_mm=float(rng.uniform(6, 14)),
        liver_db=float(backscatter_db(fat) + rng.normal(0, 1.6) + 1.2 * fibrotic),
        liver_attenuation=float(max(attenuation_db_cm_mhz(fat) + rng.normal(0, 0.05), 0.4)),
        coarseness_db=float(rng.uniform(1.4, 2.4) if fibrotic else rng.uniform(0.5, 1.1)),
        border_roughness_mm=float(rng.uniform(0.4, 1.0) if fibrotic else rng.uniform(0.0, 0.15)),
        kidney_half_length=float(half_length),
        kidney_half_thickness=float(half_length * rng.uniform(0.43, 0.54)),
        kidney_lobulation=float(rng.uniform(0.008, 0.035)),
        kidney_sinus=float(rng.uniform(0.34, 0.5)),
        pyramids=int(rng.choice([0, 7, 8, 9, 10])),
        perirenal_fat_mm=float(np.clip(rng.gamma(2.0, 2.0 + 4.0 * min(fat, 0.3)), 0.5, 12)),
        cortex_db=float(rng.normal(-1.8, 1.5)),
        medulla_db=float(rng.uniform(-5, -1)),
        sinus_db=float(rng.uniform(3.5, 8)),
        contrast=float(rng.uniform(0.8, 1.15)),
        wall_db=float(max(_WALL_DB + rng.normal(0, 1.0), 0)),
        vessel_fill_db=float(min(vessel_fill_db(fat) + rng.normal(0, 1.0), -3)),
        specular_db=float(rng.uniform(7, 14)),
        gain_db=float(rng.normal(0.5, 1.5) - 14 * min(fat, 0.3) * rng.uniform(0.2, 1.2)),
        tgc_db_cm_mhz=float(0.52 + 0.5 * excess * rng.uniform(0.1, 1.0) + rng.normal(0, 0.02)),
        tgc_errors_db=tuple(float(v) for v in rng.normal(0, 0.7, 8)),
        intercostal_contact_db=float(min(rng.gamma(1.5, 5.0), 25)),
    )


def make_subjects(
    count: int, seed: int = 0, fat_percent: FatPercent = clinic_fat_percent, scanners: Sequence[str] | None = None
) -> list[Subject]:
    """Draw ``count`` subjects (at least 1), named ``S001``, ``S002``, ...

    ``fat_percent`` is either a quantile function (share 0..1 -> PDFF in percent) that the subjects cover evenly, or one
    value 0..50 for each. ``scanners`` names the scanners that take turns, by default all of
    :data:`~.scanners.SCANNERS`. A cohort with more subjects of the same seed begins with the same subjects.
    Raises ``InputError`` for a count, value or scanner that cannot be.
    """
    if count < 1:
        raise InputError(f"A simulated cohort needs at least one subject, not {count}.")
    names = list(SCANNERS) if scanners is None else list(scanners)
    if not names:
        raise InputError("A simulated cohort needs at least one scanner.")
    devices = [scanner_of(name) for name in names]
    first = np.random.default_rng([seed, 2]).random()
    if callable(fat_percent):
        # steps of the golden ratio on each scanner: any number of its subjects covers the whole range evenly
        turns = [divmod(index, len(devices)) for index in range(count)]
        values = [float(fat_percent((first + turn * _GOLDEN + k / len(devices)) % 1.0)) for turn, k in turns]
    else:
        values = [float(value) for value in fat_percent]
        if len(values) != count:
            raise InputError(f"{len(values)} fat fractions were given for {count} subjects.")
    for value in values:
        if not 0 <= value <= 50:
            raise InputError(f"A simulated fat fraction lies between 0 and 50 %, not at {value:g} %.")
    return [_subject(index, seed, value, devices[index % len(devices)]) for index, value in enumerate(values)]
