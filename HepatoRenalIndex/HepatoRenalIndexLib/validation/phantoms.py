"""The measured index against the noise-free truth of simulated frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..geometry.scan import ProbeShape
from ..measurement.organs import Segmenter
from ..pipeline.batch import Progress
from ..pipeline.measure import MeasurementSettings, measure_frame
from ..simulation.parameters import Content, PhantomParameters, ScanParameters
from ..simulation.phantom import Phantom, simulate
from ..simulation.randomize import random_parameters
from ..simulation.training import outlined_masks

NETWORK, KNOWN = "network", "known"  # where the organ masks came from
DEFAULT_BODIES = 8


@dataclass(frozen=True)
class PhantomSetting:
    """One simulated frame of a series: ``series`` is what varies, ``level`` its value."""

    series: str
    level: str
    body: int
    parameters: PhantomParameters


@dataclass(frozen=True)
class PhantomCase:
    """One measured phantom. ``roi_truth`` is the noise-free index at the measured ROIs, ``true_hri`` that of the frame.

    ``hri`` and ``roi_truth`` are NaN where the frame was refused (``message``). ``spacing_error`` is the calibrated
    pixel width divided by the true one, minus 1; NaN when uncalibrated.
    """

    setting: PhantomSetting
    masks: str
    hri: float
    roi_truth: float
    true_hri: float
    spacing_error: float
    flags: tuple[str, ...]
    message: str = ""

    @property
    def refused(self) -> bool:
        return not np.isfinite(self.hri)


@dataclass(frozen=True)
class PhantomSummary:
    """Errors of one level of one series, measured minus truth, in units of the index."""

    series: str
    level: str
    masks: str
    frames: int
    refused: float
    mean_truth: float
    roi_bias: float
    roi_sd: float
    true_bias: float
    true_sd: float
    shadow_flagged: float


def phantom_settings(bodies: int = DEFAULT_BODIES, seed: int = 0) -> tuple[PhantomSetting, ...]:
    """Series over gain, kidney depth, fat, rib shadow and lost contact in one body, and over random scanners.

    Every level of a series is simulated for the same ``bodies``: seeds of shape, texture and speckle.
    """
    settings = []
    for body in range(bodies):
        base = PhantomParameters(seed=1000 * seed + body, speckle_seed=1000 * seed + body)
        if body % 2:
            base = replace(base, scan=curved_scan())
        anatomy, receiver, acoustics = base.anatomy, base.receiver, base.acoustics
        levels: dict[str, dict[str, PhantomParameters]] = {
            "gain (dB)": {
                f"{gain:+g}": replace(base, receiver=replace(receiver, gain_db=gain))
                for gain in (-9.0, -4.5, 0, 4.5, 9)
            },
            "kidney depth (mm)": {f"{y:g}": _kidney_at(base, y) for y in (70.0, 85.0, 100.0, 115.0)},
            "fat fraction": {
                f"{fat:g}": replace(base, acoustics=replace(acoustics, fat_fraction=fat))
                for fat in (0.02, 0.1, 0.2, 0.35)
            },
            "rib shadows": {
                # under the wide footprint of a curved array, where ribs do get in the way
                str(ribs): replace(base, scan=curved_scan(), anatomy=replace(anatomy, ribs=ribs))
                for ribs in (0, 2, 4)
            },
            "lost contact (dB)": {
                f"{loss:g}": replace(base, receiver=replace(receiver, contact_loss_db=(loss, loss)))
                for loss in (0.0, 10.0, 25.0)
            },
        }
        for series, of_level in levels.items():
            settings += [PhantomSetting(series, level, body, parameters) for level, parameters in of_level.items()]
        for shape in (ProbeShape.SECTOR, ProbeShape.CURVED, ProbeShape.LINEAR):
            rng = np.random.default_rng([seed, body, len(shape.value)])
            drawn = random_parameters(rng, Content.LIVER_KIDNEY, shape)
            settings.append(PhantomSetting("random scanner and body", shape.value, body, drawn))
    return tuple(settings)


def curved_scan() -> ScanParameters:
    """A curved array of 55 mm radius."""
    return ScanParameters(
        shape=ProbeShape.CURVED,
        near_radius_mm=55.0,
        angle_min=-0.6,
        angle_max=0.6,
        frequency_mhz=3.5,
        depth_mm=160.0,
        spacing_mm=0.42,
        aperture_mm=30.0,
    )


def measure_phantoms(
    settings: Sequence[PhantomSetting], segmenter: Segmenter | None, placement: str, progress: Progress | None = None
) -> tuple[PhantomCase, ...]:
    """Measure every phantom on its known organs and, with a ``segmenter``, on the network's.

    The frame goes through the whole job: scan geometry and spacing are found in the image.
    """
    cases = []
    for done, setting in enumerate(settings):
        if progress is not None:
            progress(done, len(settings), f"{setting.series} {setting.level}")
        cases += _measure(setting, segmenter, placement)
    return tuple(cases)


def summarize_phantoms(cases: Sequence[PhantomCase]) -> tuple[PhantomSummary, ...]:
    """Bias and SD of every level, in the order of the cases."""
    groups: dict[tuple[str, str, str], list[PhantomCase]] = {}
    for case in cases:
        groups.setdefault((case.masks, case.setting.series, case.setting.level), []).append(case)
    return tuple(_summary(*key, members) for key, members in groups.items())


def _summary(masks: str, series: str, level: str, members: list[PhantomCase]) -> PhantomSummary:
    kept = [case for case in members if not case.refused]
    at_roi = np.array([case.hri - case.roi_truth for case in kept])
    of_frame = np.array([case.hri - case.true_hri for case in kept])
    of_frame = of_frame[np.isfinite(of_frame)]
    truths = [case.true_hri for case in members if np.isfinite(case.true_hri)]
    return PhantomSummary(
        series=series,
        level=level,
        masks=masks,
        frames=len(members),
        refused=1 - len(kept) / len(members),
        mean_truth=float(np.mean(truths)) if truths else float("nan"),
        roi_bias=_mean(at_roi),
        roi_sd=_sd(at_roi),
        true_bias=_mean(of_frame),
        true_sd=_sd(of_frame),
        shadow_flagged=_mean(np.array(["shadow" in case.flags for case in kept], float)),
    )


def _measure(setting: PhantomSetting, segmenter: Segmenter | None, placement: str) -> Iterator[PhantomCase]:
    phantom = simulate(setting.parameters)
    measurement_settings = MeasurementSettings(placement=placement)
    yield _case(
        setting, KNOWN, phantom, measure_frame(phantom.image, None, measurement_settings, outlined_masks(phantom))
    )
    if segmenter is not None:
        yield _case(setting, NETWORK, phantom, measure_frame(phantom.image, segmenter, measurement_settings))


def _case(setting: PhantomSetting, masks: str, phantom: Phantom, result) -> PhantomCase:
    measurement, calibration = result.measurement, result.calibration
    hri = roi_truth = error = float("nan")
    if measurement is not None:
        hri = measurement.hri
        roi_truth = phantom.noise_free_hri(measurement.liver.roi, measurement.kidney.roi)
    if calibration is not None and calibration.calibrated:
        error = calibration.x_mm / phantom.spacing_mm[1] - 1
    return PhantomCase(
        setting=setting,
        masks=masks,
        hri=hri,
        roi_truth=roi_truth,
        true_hri=phantom.true_hri,
        spacing_error=error,
        flags=tuple(flag.code for flag in result.flags),
        message=result.message,
    )


def _kidney_at(base: PhantomParameters, y: float) -> PhantomParameters:
    return replace(base, anatomy=replace(base.anatomy, kidney=replace(base.anatomy.kidney, y=y)))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _sd(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else float("nan")
