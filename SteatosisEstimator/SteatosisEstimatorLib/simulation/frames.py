"""From a subject and a view to the parameters of every frame."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.simulation.parameters import AcousticParameters, PhantomParameters

from .fat import attenuation_db_cm_mhz, backscatter_db, beam_widening
from .subjects import Subject
from .views import CLIP_VIEWS, VIEWS

FRAME_RATE_HZ = 30.0

# fat is not spread evenly: a plane's share departs from the mean of all segments, which is the reference, by this part
_REGIONAL_SPREAD = 0.12
# the echo of a tissue that has moved this far is that of other scatterers
_DECORRELATION_MM = 3.0
# rad; the heart beats on the liver and the hand is not still
_DRIFT_PER_SECOND = 2.0


def frame_parameters(
    subject: Subject,
    view: str,
    frames: int = 1,
    size: tuple[int, int] | None = None,
    frame_rate_hz: float = FRAME_RATE_HZ,
) -> list[PhantomParameters]:
    """The phantoms of one view of a subject, in the order of time.

    A view of :data:`~.views.CLIP_VIEWS` gives ``frames`` phantoms, ``frame_rate_hz`` of them per second,
    during which the subject breathes; the others give one. ``size`` is ``(rows, columns)``, by default the scanner's.
    Raises ``InputError`` for an unknown view, fewer than one frame, or no frame rate.
    """
    if view not in VIEWS:
        raise InputError(f"There is no simulated view {view!r}; choose among {', '.join(VIEWS)}.")
    if frames < 1:
        raise InputError(f"A simulated clip needs at least one frame, not {frames}.")
    if not frame_rate_hz > 0:
        raise InputError(f"The frame rate of a simulated clip is above 0 per second, not {frame_rate_hz:g}.")
    rng = subject.view_rng(view)
    scene = VIEWS[view](subject, rng)
    scanner = subject.scanner
    fat = subject.fat_fraction
    here = float(fat * np.exp(rng.normal(0, _REGIONAL_SPREAD)))
    acoustics = AcousticParameters(
        fat_fraction=here,
        cortex_db=subject.cortex_db,
        medulla_db=subject.medulla_db,
        sinus_db=subject.sinus_db,
        contrast=subject.contrast,
        specular_db=subject.specular_db,
        lung_db=float(rng.uniform(-9, -3)),  # mirror image of the liver behind the diaphragm
        liver_db=float(subject.liver_db + backscatter_db(here) - backscatter_db(fat)),
        liver_attenuation=float(subject.liver_attenuation + attenuation_db_cm_mhz(here) - attenuation_db_cm_mhz(fat)),
        # vessels meet the beam at other angles in other planes
        vessel_fill_db=float(min(subject.vessel_fill_db + rng.normal(0, 2.5), -3)),
        wall_db=float(max(subject.wall_db + rng.normal(0, 2.5), 0)),
        beam_widening=beam_widening(fat, subject.fat_mm),
    )
    # what the sonographer readjusts from view to view, and how well the probe lies on the skin
    gain = subject.gain_db + rng.normal(0, 2.4)
    tgc = subject.tgc_db_cm_mhz + rng.normal(0, 0.03)
    tgc_errors = tuple(float(v) for v in np.add(subject.tgc_errors_db, rng.normal(0, 1.0, 8)))
    contact = rng.gamma(1.5, 2.0, 2) + (subject.intercostal_contact_db * rng.uniform(0.3, 1, 2) * scene.intercostal)
    small = size is not None and scanner.scan(scene.depth_mm, size).beams > 0
    receiver = replace(
        scanner.receiver,
        gain_db=float(gain),
        tgc_db_cm_mhz=float(tgc),
        tgc_errors_db=tgc_errors,
        noise_db=scanner.noise_db,
        clutter_db=float(rng.uniform(-12, -3)),
        contact_loss_db=tuple(float(v) for v in np.minimum(contact, 30)),
        contact_width=tuple(float(v) for v in rng.uniform(0.12, 0.32, 2)),
        looks=1 if small else scanner.receiver.looks,
    )
    base = PhantomParameters(
        scan=scanner.scan(scene.depth_mm, size),
        anatomy=scene.anatomy,
        acoustics=acoustics,
        receiver=receiver,
        display=replace(scanner.display, seed=int(rng.integers(2**31))),
        seed=int(rng.integers(2**31)),
        speckle_seed=int(rng.integers(2**31)),
    )
    if view not in CLIP_VIEWS:
        return [base]
    return _breathing(base, np.arange(frames) / frame_rate_hz, rng)


def _breathing(base: PhantomParameters, seconds: np.ndarray, rng: np.random.Generator) -> list[PhantomParameters]:
    """Frames at these times of a quiet breath of about four seconds."""
    period, start = rng.uniform(3.2, 5.0), rng.uniform(0, 2 * np.pi)
    reach, slide = rng.uniform(3.0, 8.0), rng.uniform(-2.0, 2.0)
    level = -0.5 * np.cos(2 * np.pi * seconds / period + start)
    frames = []
    for time, moved in zip(seconds - seconds[0], level - level[0], strict=True):
        offset = (float(slide * moved), float(reach * moved))
        phase = 0.5 * math.pi * math.hypot(*offset) / _DECORRELATION_MM + _DRIFT_PER_SECOND * time
        anatomy = replace(base.anatomy, offset_mm=offset)
        frames.append(replace(base, anatomy=anatomy, speckle_phase=float(phase)))
    return frames
