"""What each view of the three published systems shows: organs and vessels in the plane of the scan.

Planes follow the standard of abdominal sonography: transverse and subcostal views look at the body from below, so the
patient's right is on the left of the screen; sagittal views have the head on the left. The anatomy library draws the
kidney on the left; a view with the head there is mirrored, and a scanner that shows the other way round mirrors again.
Positions are mm from the middle of the transducer surface, x right and y down, as in
:class:`HepatoRenalIndexLib.simulation.parameters.KidneyParameters`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from HepatoRenalIndexLib.simulation.parameters import (
    AnatomyParameters,
    Content,
    KidneyParameters,
    LiverParameters,
    VesselParameters,
)

from .subjects import Subject

Points = list[tuple[float, float, float]]


@dataclass(frozen=True)
class ViewScene:
    """The body in one view: its anatomy, the depth setting, and whether the view looks between the ribs."""

    anatomy: AnatomyParameters
    depth_mm: float
    intercostal: bool


def _kidney(subject: Subject, **place: float) -> KidneyParameters:
    return KidneyParameters(
        half_length=subject.kidney_half_length,
        half_thickness=subject.kidney_half_thickness,
        lobulation=subject.kidney_lobulation,
        sinus=subject.kidney_sinus,
        pyramids=subject.pyramids,
        perirenal_fat_mm=subject.perirenal_fat_mm,
        **place,
    )


def _liver(subject: Subject, **place) -> LiverParameters:
    return LiverParameters(
        border_roughness_mm=subject.border_roughness_mm, coarseness_db=subject.coarseness_db, **place
    )


def _anatomy(subject: Subject, rng: np.random.Generator, *, mirrored: bool = False, **parts) -> AnatomyParameters:
    return AnatomyParameters(
        mirrored=mirrored != subject.scanner.mirrored,
        skin_mm=subject.skin_mm,
        fat_mm=float(subject.fat_mm * rng.uniform(0.9, 1.1)),
        muscle_mm=float(subject.muscle_mm * rng.uniform(0.85, 1.15)),
        warp_mm=float(rng.uniform(0.8, 2.0)),
        **parts,
    )


def _placed(
    subject: Subject, rng: np.random.Generator, origin: tuple[float, float], tubes: list[tuple[Points, float]]
) -> tuple[VesselParameters, ...]:
    """Vessels about ``origin`` as this subject has them and this plane cuts them: scaled, turned a little and shifted.

    ``tubes`` are points relative to the origin and the thickness of the wall.
    """
    angle, stretch = rng.normal(0, 0.09), subject.size * rng.uniform(0.93, 1.07)
    shift = rng.normal(0, 3.0, 2)
    cosine, sine = np.cos(angle), np.sin(angle)
    vessels = []
    for points, wall in tubes:
        caliber = rng.uniform(0.88, 1.12)
        placed = []
        for x, y, radius in points:
            x, y = stretch * x + rng.normal(0, 1.2), stretch * y + rng.normal(0, 1.2)
            placed.append(
                (
                    float(origin[0] + shift[0] + cosine * x - sine * y),
                    float(origin[1] + shift[1] + sine * x + cosine * y),
                    float(subject.size * caliber * radius),
                )
            )
        vessels.append(VesselParameters(tuple(placed), wall))
    return tuple(vessels)


def _liver_alone(subject: Subject, rng: np.random.Generator) -> ViewScene:
    """Right intercostal view of the right lobe: parenchyma with vessel sections, diaphragm at its far border."""
    wall = subject.wall_mm
    far = wall + subject.size * rng.uniform(112, 128)
    liver = _liver(
        subject,
        x=float(rng.uniform(-5, 12)),
        y=float(wall + 50),
        half_width=float(subject.size * rng.uniform(92, 110)),
        half_height=float(far - wall - 50),
        hepatic_veins=int(rng.integers(2, 4)),
        portal_veins=int(rng.integers(4, 7)),
        dome=True,
    )
    branch = _placed(
        subject,
        rng,
        (float(rng.uniform(-5, 15)), wall + float(rng.uniform(48, 60))),
        [
            ([(-4, 6, 4.2), (-18, 0, 3.5), (-38, -14, 2.2)], 1.4),
            ([(-14, 1, 3.2), (-30, 12, 2.6), (-46, 20, 1.8)], 1.3),
        ],
    )
    anatomy = _anatomy(
        subject,
        rng,
        content=Content.NO_KIDNEY,
        liver=liver,
        vessels=branch,
        ribs=int(rng.random() < 0.3),
        lung_curtain=float(rng.uniform(0.86, 1.1)),
    )
    return ViewScene(anatomy, depth_mm=float(far + rng.uniform(10, 25)), intercostal=True)


def _with_kidney(
    subject: Subject,
    rng: np.random.Generator,
    *,
    below_wall: tuple[float, float],
    x: tuple[float, float],
    tilt: tuple[float, float],
    intercostal: bool,
) -> ViewScene:
    """Longitudinal view of the right lobe on the right kidney, head on the left."""
    wall = subject.wall_mm
    kidney = _kidney(
        subject,
        x=float(rng.uniform(*x)),
        y=float(wall + subject.size * rng.uniform(*below_wall)),
        tilt=float(rng.uniform(*tilt)),
    )
    liver_y = wall + 0.45 * (kidney.y - wall)
    liver = _liver(
        subject,
        x=float(kidney.x + rng.uniform(0.35, 0.65) * kidney.half_length),
        y=float(liver_y),
        half_width=float(subject.size * rng.uniform(84, 98)),
        half_height=float(rng.uniform(1.25, 1.5) * (kidney.y - liver_y)),
        interface_slope=float(rng.uniform(-0.4, 0.0)),
        hepatic_veins=int(rng.integers(1, 4)),
        portal_veins=int(rng.integers(2, 5)),
    )
    anatomy = _anatomy(
        subject,
        rng,
        mirrored=True,
        content=Content.LIVER_KIDNEY,
        kidney=kidney,
        liver=liver,
        ribs=int(intercostal and rng.random() < 0.3),
        lung_curtain=float(rng.uniform(0.84, 1.1)) if intercostal else 1.5,
        bowel_gas=bool(rng.random() < 0.25),
    )
    depth = kidney.y + kidney.half_thickness + 0.4 * kidney.half_length * abs(np.sin(kidney.tilt))
    return ViewScene(anatomy, depth_mm=float(depth + rng.uniform(18, 32)), intercostal=intercostal)


def _kidney_liver(subject: Subject, rng: np.random.Generator) -> ViewScene:
    """Right intercostal view with the right renal cortex: the kidney's upper part under a thick lobe."""
    return _with_kidney(subject, rng, below_wall=(72, 86), x=(-48, -26), tilt=(0.1, 0.5), intercostal=True)


def _liver_kidney(subject: Subject, rng: np.random.Generator) -> ViewScene:
    """Sagittal view of liver and right kidney, the whole kidney in the middle."""
    return _with_kidney(subject, rng, below_wall=(56, 70), x=(-30, -8), tilt=(0.0, 0.35), intercostal=False)


def _hr(subject: Subject, rng: np.random.Generator) -> ViewScene:
    """Hepatorenal clip: intercostal or subcostal longitudinal view."""
    return _with_kidney(
        subject,
        rng,
        below_wall=(60, 78),
        x=(-38, -12),
        tilt=(0.05, 0.45),
        intercostal=bool(rng.random() < 0.5),
    )


def _subcostal(subject: Subject, rng: np.random.Generator, far: float, vessels, **liver) -> AnatomyParameters:
    """A view from under the costal margin: liver all over, its dome under the diaphragm far below."""
    wall = subject.wall_mm
    return _anatomy(
        subject,
        rng,
        content=Content.NO_KIDNEY,
        liver=_liver(
            subject,
            y=float(wall + 45),
            half_height=float(far - wall - 45),
            dome=True,
            hepatic_veins=int(rng.integers(0, 2)),
            **liver,
        ),
        vessels=vessels,
    )


def _hepatic_veins(subject: Subject, rng: np.random.Generator) -> ViewScene:
    """Subcostal transverse view, tilted to the head: three hepatic veins run together into the vena cava."""
    wall = subject.wall_mm
    deep = wall + subject.size * rng.uniform(82, 96)
    cava = 10.5 + float(rng.normal(0, 1.2))
    tubes = [
        ([(-1, 2, cava), (1, -1, cava)], 0.6),  # the vena cava, cut across
        ([(-5, -5, 5.0), (-24, -16, 4.3), (-44, -22, 3.4), (-66, -32, 2.4)], 0.0),  # right
        ([(-1, -8, 4.8), (-8, -24, 4.2), (-20, -42, 3.2), (-33, -57, 2.2)], 0.0),  # middle
        ([(5, -6, 4.4), (18, -20, 3.8), (32, -36, 2.8), (42, -48, 2.0)], 0.0),  # left
        ([(-36, -19, 2.4), (-50, -32, 1.8), (-62, -38, 1.4)], 0.0),  # tributary of the right
    ]
    vessels = _placed(subject, rng, (float(rng.uniform(5, 20)), deep), tubes)
    far = deep + rng.uniform(14, 20)
    anatomy = _subcostal(
        subject,
        rng,
        far,
        vessels,
        x=float(rng.uniform(-18, -6)),
        half_width=float(subject.size * rng.uniform(92, 108)),
        portal_veins=int(rng.integers(2, 4)),
    )
    return ViewScene(anatomy, depth_mm=float(far + rng.uniform(18, 30)), intercostal=False)


def _right_portal_vein(subject: Subject, rng: np.random.Generator) -> ViewScene:
    """Transverse view of the right portal vein: from the hilum to its fork, the vena cava behind the hilum."""
    wall = subject.wall_mm
    level = wall + subject.size * rng.uniform(52, 64)
    tubes = [
        ([(44, 10, 6.5), (26, 4, 6.2), (6, 0, 5.8), (-14, 0, 5.2)], 1.6),  # main and right portal vein
        ([(-14, 0, 4.2), (-26, -12, 3.5), (-38, -30, 2.4)], 1.3),  # anterior branch
        ([(-14, 0, 4.4), (-30, 8, 3.8), (-50, 18, 2.6)], 1.4),  # posterior branch
        ([(36, 36, 9.5), (38, 37, 9.5)], 0.6),  # vena cava
        ([(-20, -34, 2.6), (-8, -40, 2.4)], 0.0),  # hepatic vein, cut obliquely
    ]
    vessels = _placed(subject, rng, (float(rng.uniform(0, 10)), level), tubes)
    far = level + rng.uniform(52, 62)
    anatomy = _subcostal(
        subject,
        rng,
        far,
        vessels,
        x=float(rng.uniform(-14, 0)),
        half_width=float(subject.size * rng.uniform(88, 104)),
        portal_veins=int(rng.integers(2, 4)),
    )
    return ViewScene(anatomy, depth_mm=float(far + rng.uniform(14, 26)), intercostal=False)


def _right_posterior_portal_vein(subject: Subject, rng: np.random.Generator) -> ViewScene:
    """Transverse view of the right posterior portal vein: it runs back and sideways through the right lobe."""
    wall = subject.wall_mm
    level = wall + subject.size * rng.uniform(46, 56)
    tubes = [
        ([(20, -6, 5.0), (6, 0, 4.8), (-10, 8, 4.3), (-28, 22, 3.4), (-44, 40, 2.4)], 1.5),
        ([(-12, 10, 3.0), (-30, 8, 2.5), (-50, 12, 1.7)], 1.4),  # segment VI branch
        ([(14, 26, 2.8), (24, 40, 3.4), (30, 54, 4.0)], 0.0),  # right hepatic vein on its way back
    ]
    vessels = _placed(subject, rng, (float(rng.uniform(6, 18)), level), tubes)
    far = level + rng.uniform(66, 78)
    anatomy = _subcostal(
        subject,
        rng,
        far,
        vessels,
        x=float(rng.uniform(-8, 8)),
        half_width=float(subject.size * rng.uniform(86, 100)),
        portal_veins=int(rng.integers(2, 5)),
    )
    return ViewScene(anatomy, depth_mm=float(far + rng.uniform(12, 24)), intercostal=False)


def _ar(subject: Subject, rng: np.random.Generator) -> ViewScene:
    """Attenuation clip: oblique subcostal view through much liver to the diaphragm."""
    wall = subject.wall_mm
    far = wall + subject.size * rng.uniform(108, 124)
    tubes = [
        ([(-2, 12, 3.8), (-12, -4, 3.2), (-24, -20, 2.2)], 0.0),
        ([(22, -4, 3.0), (30, -14, 2.6)], 1.2),
    ]
    vessels = _placed(subject, rng, (float(rng.uniform(-10, 14)), wall + float(rng.uniform(58, 78))), tubes)
    anatomy = _subcostal(
        subject,
        rng,
        far,
        vessels,
        x=float(rng.uniform(-12, 12)),
        half_width=float(subject.size * rng.uniform(98, 116)),
        portal_veins=int(rng.integers(2, 5)),
    )
    return ViewScene(anatomy, depth_mm=float(far + rng.uniform(14, 26)), intercostal=False)


VIEWS: dict[str, Callable[[Subject, np.random.Generator], ViewScene]] = {
    "liver": _liver_alone,
    "kidney-liver": _kidney_liver,
    "hepatic-veins": _hepatic_veins,
    "right-portal-vein": _right_portal_vein,
    "right-posterior-portal-vein": _right_posterior_portal_vein,
    "liver-kidney": _liver_kidney,
    "ar": _ar,
    "hr": _hr,
}
CLIP_VIEWS = ("ar", "hr")
