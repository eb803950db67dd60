"""Random phantom parameters over the range of scanners, views and bodies that are met in practice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..geometry.scan import ProbeShape
from .parameters import (
    AcousticParameters,
    AnatomyParameters,
    Content,
    DisplayParameters,
    KidneyParameters,
    LiverParameters,
    PhantomParameters,
    ReceiverParameters,
    ScanParameters,
)
from .tissues import NORMAL_LIVER_ATTENUATION, steatosis_attenuation

IMAGE_SIZES = ((240, 320), (434, 636), (480, 640), (480, 640), (576, 768), (600, 800), (708, 1016), (768, 1024))
_SHAPES = (ProbeShape.SECTOR, ProbeShape.CURVED, ProbeShape.LINEAR)
_CONTENTS = tuple(Content)


def _chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def _scan(rng: np.random.Generator, shape: ProbeShape, rows: int, columns: int) -> ScanParameters:
    if shape is ProbeShape.SECTOR:
        depth, radius = rng.uniform(110, 220), rng.uniform(0.5, 8)
        half = rng.uniform(0.55, 0.95)
        frequency, aperture = rng.uniform(1.7, 3.5), rng.uniform(13, 24)
        middle = rng.normal(0, 0.04)
    elif shape is ProbeShape.CURVED:
        depth, radius = rng.uniform(90, 220), rng.uniform(35, 70)
        half = rng.uniform(0.45, 0.65)
        frequency, aperture = rng.uniform(2.0, 5.0), rng.uniform(18, 40)
        middle = 0.0
    else:
        depth, radius, half, middle = rng.uniform(60, 100), 0.0, 0.0, 0.0
        frequency, aperture = rng.uniform(4.0, 9.0), rng.uniform(12, 25)
    angle_min, angle_max = middle - half, middle + half
    width = rng.uniform(45, 75) if shape is ProbeShape.LINEAR else 0.0
    steering = rng.normal(0, 0.12) if shape is ProbeShape.LINEAR and _chance(rng, 0.15) else 0.0
    # fit the scan in the free part of the image; now and then the image border clips it
    fill = rng.uniform(0.72, 0.97) if _chance(rng, 0.85) else rng.uniform(1.0, 1.25)
    spacing_for_height = depth / (rows * fill)
    extent = width or (radius + depth) * 2 * np.sin(half)
    spacing_for_width = extent / (columns * min(fill, 1.15))
    spacing = max(spacing_for_height, spacing_for_width)
    if fill > 1:
        spacing = min(spacing_for_height, spacing_for_width) * rng.uniform(1.0, 1.1)
        spacing = max(spacing, 0.75 * max(spacing_for_height, spacing_for_width))
    free = max(rows - depth / spacing, 0.0)
    return ScanParameters(
        shape=shape,
        rows=rows,
        columns=columns,
        spacing_mm=float(spacing),
        aspect=float(rng.uniform(0.88, 1.12)) if _chance(rng, 0.08) else 1.0,
        center_x=float(columns * (0.5 + np.clip(rng.normal(0, 0.04), -0.1, 0.1))),
        top_y=float(np.clip(free * rng.uniform(0.1, 0.7), 3, 0.2 * rows)),
        depth_mm=float(depth),
        near_radius_mm=float(radius),
        angle_min=float(steering if width else angle_min),
        angle_max=float(steering if width else angle_max),
        width_mm=float(width or 50.0),
        frequency_mhz=float(frequency),
        aperture_mm=float(aperture),
        cycles=float(rng.uniform(1.3, 2.5)),
        focus_mm=float(depth * rng.uniform(0.35, 0.75)),
    )


def _anatomy(rng: np.random.Generator, scan: ScanParameters, content: Content) -> AnatomyParameters:
    depth = scan.depth_mm
    # small bodies fit shallow scans; organs are otherwise adult sized
    size = float(np.clip(depth / 165, 0.5, 1.0) * rng.uniform(0.88, 1.12))
    skin, fat, muscle = rng.uniform(1, 3), size * rng.gamma(3.0, 3.5), size * rng.uniform(5, 16)
    wall = skin + min(fat, 0.2 * depth) + muscle
    half_length = size * rng.uniform(42, 60)
    half_thickness = half_length * rng.uniform(0.40, 0.58)
    tilt = rng.normal(0.28, 0.28)
    fat_around = size * rng.gamma(2.0, 2.5)
    reach = abs(half_thickness * np.cos(tilt)) + abs(half_length * np.sin(tilt)) * 0.6
    lowest, highest = wall + reach + 12 * size, depth - 0.6 * half_thickness
    y = rng.uniform(0.1, 0.85) * (highest - lowest) + lowest if highest > lowest else 0.62 * depth
    if scan.shape is ProbeShape.LINEAR:
        half_field = scan.width_mm / 2
    else:
        half_field = (scan.near_radius_mm + y) * np.tan(min(scan.angle_max, 1.1))
    x = -rng.uniform(-0.05, 0.75) * min(half_field, 75.0)
    kidney = KidneyParameters(
        x=float(x),
        y=float(y),
        half_length=float(half_length),
        half_thickness=float(half_thickness),
        tilt=float(np.clip(tilt, -0.35, 0.95)),
        lobulation=float(rng.uniform(0.005, 0.05)),
        sinus=float(rng.uniform(0.3, 0.55)),
        pyramids=int(rng.choice([0, 5, 6, 7, 8, 9, 10])),
        perirenal_fat_mm=float(min(fat_around, 14)),
        cysts=int(_chance(rng, 0.08)) * int(rng.integers(1, 3)),
    )
    cirrhotic = _chance(rng, 0.12)
    liver_y = float(wall + rng.uniform(0.15, 0.45) * (depth - wall))
    liver = LiverParameters(
        x=float(x + rng.uniform(0.2, 1.2) * half_length),
        y=liver_y,
        half_width=float(size * rng.uniform(60, 105)),
        half_height=float(max(rng.uniform(0.5, 1.0) * (depth - liver_y), 0.9 * (y - liver_y))),
        border_roughness_mm=float(rng.uniform(0.5, 1.3) if cirrhotic else rng.uniform(0.0, 0.2)),
        coarseness_db=float(rng.uniform(1.5, 3.0) if cirrhotic else rng.uniform(0.4, 1.3)),
        interface_slope=float(rng.uniform(-0.45, 0.2)),
        hepatic_veins=int(rng.integers(0, 5)),
        portal_veins=int(rng.integers(0, 7)),
        gallbladder=_chance(rng, 0.06),
        cysts=int(_chance(rng, 0.05)),
    )
    return AnatomyParameters(
        content=content,
        mirrored=_chance(rng, 0.5),
        lung_curtain=float(rng.uniform(0.66, 0.97)) if _chance(rng, 0.4) else 1.5,
        skin_mm=float(skin),
        fat_mm=float(min(fat, 0.2 * depth)),
        muscle_mm=float(muscle),
        kidney=kidney,
        liver=liver,
        ribs=int(_chance(rng, 0.22)) * int(rng.integers(1, 3)),
        bowel_gas=_chance(rng, 0.3),
        warp_mm=float(rng.uniform(0.5, 4.0) * size),
    )


def _acoustics(rng: np.random.Generator) -> AcousticParameters:
    # most livers have little fat, some much
    fat = min(float(rng.gamma(1.0, 0.07)), 0.5)
    return AcousticParameters(
        fat_fraction=fat,
        cortex_db=float(np.clip(rng.normal(-1.2, 1.5), -6, 2)),
        medulla_db=float(rng.uniform(-6, -0.5)),
        sinus_db=float(rng.uniform(2.5, 10)),
        contrast=float(rng.uniform(0.6, 1.3)),
        lung_db=float(rng.uniform(-13, -2)),
        specular_db=float(rng.uniform(3, 16)),
    )


def _receiver(rng: np.random.Generator, scan: ScanParameters, fat_fraction: float) -> ReceiverParameters:
    dynamic_range = rng.uniform(45, 78)
    # the examiner turns the gain down a little for a bright liver, and TGC up for an attenuating one
    excess = steatosis_attenuation(fat_fraction) - NORMAL_LIVER_ATTENUATION
    tgc = 0.52 + 0.8 * excess * rng.uniform(0.2, 1.2) + rng.normal(0, 0.03)
    losses = rng.gamma(1.3, 7.0, 2)
    return ReceiverParameters(
        dynamic_range_db=float(dynamic_range),
        gain_db=float(rng.normal(1.0 - 10 * min(fat_fraction, 0.3), 3.5)),
        tgc_db_cm_mhz=float(np.clip(tgc, 0.4, 0.95)),
        tgc_errors_db=tuple(float(v) for v in rng.normal(0, 1.6, 8)),
        focal_gain_db=float(rng.uniform(-1, 4)),
        noise_db=float(rng.uniform(-76, -46) - 0.52 * 2 * max(scan.frequency_mhz - 2.5, 0) * scan.depth_mm / 10 * 0.8),
        clutter_db=float(rng.uniform(-15, 3)),
        contact_loss_db=(float(min(losses[0], 35)), float(min(losses[1], 35))),
        contact_width=(float(rng.uniform(0.08, 0.45)), float(rng.uniform(0.08, 0.45))),
        gamma=float(rng.uniform(0.75, 1.35)),
        s_curve=float(rng.uniform(0, 0.5)) if _chance(rng, 0.5) else 0.0,
        looks=int(rng.choice([1, 2, 2, 3])),
        smoothing_px=float(rng.uniform(0.1, 0.85)),
        edge_enhancement=float(rng.uniform(0.1, 0.9)) if _chance(rng, 0.55) else 0.0,
    )


def _display(rng: np.random.Generator) -> DisplayParameters:
    return DisplayParameters(
        text=int(rng.integers(0, 9)),
        ruler=str(rng.choice(["edge", "edge", "column", "column", "none"])),
        ruler_side=str(rng.choice(["left", "right"])),
        ruler_dots=_chance(rng, 0.3),
        gray_bar=str(rng.choice(["left", "right", "right", "none"])),
        ecg=_chance(rng, 0.2),
        logo=_chance(rng, 0.8),
        calipers=int(rng.integers(1, 3)) if _chance(rng, 0.08) else 0,
        background=int(rng.integers(1, 14)) if _chance(rng, 0.15) else 0,
        seed=int(rng.integers(2**31)),
    )


def random_parameters(
    rng: np.random.Generator,
    content: Content | None = None,
    shape: ProbeShape | None = None,
    size: tuple[int, int] | None = None,
) -> PhantomParameters:
    """Draw a frame at random.

    ``content`` defaults to the liver/kidney view in 85 % and a frame to be refused in 15 % of the draws, ``shape``
    to sector 45 %, curved 47 %, linear 8 %, ``size`` ``(rows, columns)`` to one of ``IMAGE_SIZES``.
    """
    drawn_content = _CONTENTS[rng.choice(len(_CONTENTS), p=(0.85, 0.05, 0.04, 0.03, 0.03))]
    drawn_shape = _SHAPES[rng.choice(len(_SHAPES), p=(0.45, 0.47, 0.08))]
    drawn_size = IMAGE_SIZES[rng.integers(len(IMAGE_SIZES))]
    rows, columns = size or drawn_size
    scan = _scan(rng, shape or drawn_shape, rows, columns)
    anatomy = _anatomy(rng, scan, content or drawn_content)
    acoustics = _acoustics(rng)
    receiver = _receiver(rng, scan, acoustics.fat_fraction)
    parameters = PhantomParameters(scan, anatomy, acoustics, receiver, _display(rng), int(rng.integers(2**31)))
    return replace(parameters, speckle_seed=int(rng.integers(2**31)))
