"""The body under the transducer: tissue labels and interfaces on the pixel grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .fields import Waves
from .kidney import KidneyShape, paint_kidney
from .layout import Layout
from .parameters import Content, KidneyParameters, LiverParameters, PhantomParameters
from .tissues import Tissue
from .vessels import paint_gallbladder, paint_vessels, stamp


@dataclass
class Anatomy:
    """Tissue of every pixel of the grid.

    ``tissue`` is the label map (uint8), ``plain`` the same without vessels, walls and cysts of liver and
    kidney; ``liver`` and ``kidney`` are the organs with everything in them; ``echo_db`` holds brightness on top of
    the tissue's own (interfaces that face the beam, float32); ``shade_db`` (<= 0) is lost under the lung's edge.
    """

    tissue: np.ndarray
    plain: np.ndarray
    liver: np.ndarray
    kidney: np.ndarray
    echo_db: np.ndarray
    shade_db: np.ndarray


def _facing(
    field: np.ndarray, layout: Layout, radius: float, axis_angle: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Distance (mm) from the zero line of ``field``, and how squarely the beam meets it (0..1)."""
    sx = layout.x_mm[1] - layout.x_mm[0]
    sy = layout.y_mm[1] - layout.y_mm[0]
    gy = np.empty_like(field)
    gx = np.empty_like(field)
    gy[1:-1] = (field[2:] - field[:-2]) / (2 * sy)
    gy[[0, -1]] = gy[[1, -2]]
    gx[:, 1:-1] = (field[:, 2:] - field[:, :-2]) / (2 * sx)
    gx[:, [0, -1]] = gx[:, [1, -2]]
    slope = np.hypot(gx, gy) + 1e-6
    if axis_angle is None:
        bx = np.broadcast_to(layout.x_mm[None], field.shape)
        by = np.broadcast_to(layout.y_mm[:, None] + np.float32(radius), field.shape)
        length = np.hypot(bx, by) + 1e-6
        cosine = np.abs(gx * bx + gy * by) / (slope * length)
    else:
        cosine = np.abs(gx * np.float32(np.sin(axis_angle)) + gy * np.float32(np.cos(axis_angle))) / slope
    return field / slope, cosine


def _interface(s: np.ndarray, kidney: KidneyParameters, slope: float) -> np.ndarray:
    """Height (mm) of the liver's lower border above the kidney's long axis, at ``s`` along it."""
    length = kidney.half_length + kidney.perirenal_fat_mm
    height = kidney.half_thickness + kidney.perirenal_fat_mm
    right = height * np.sqrt(np.clip(1 - (s / length) ** 2, 0, 1)) - 2.5 * np.clip(s - 0.97 * length, 0, None)
    return np.where(s < 0, height - slope * s - 0.0015 * s * s, right)


def _body_wall(parameters: PhantomParameters, layout: Layout, rng: np.random.Generator, tissue, echo_db):
    """Skin, fat, muscle and ribs; returns the depth below the muscle (mm, negative inside the wall)."""
    a = parameters.anatomy
    depth = layout.depth_mm
    across = Waves(rng, 0.8, 40.0, 90.0)(layout.x_mm, np.zeros(1, np.float32))[0]
    across2 = Waves(rng, 1.0, 30.0, 80.0)(layout.x_mm, np.zeros(1, np.float32))[0]
    fat_end = a.skin_mm + np.maximum(a.fat_mm + across, 0.5)
    wall_end = fat_end + np.maximum(a.muscle_mm + across2, 2.0)
    below = depth - wall_end
    tissue[below < 0] = Tissue.MUSCLE
    tissue[depth < fat_end] = Tissue.SUBCUTANEOUS_FAT
    tissue[depth < a.skin_mm] = Tissue.SKIN
    specular = parameters.acoustics.specular_db
    for line, strength in ((fat_end, 0.7), (wall_end, 0.5), (fat_end + 0.5 * a.muscle_mm, 0.5)):
        echo_db += np.float32(strength * specular) * np.exp(-(((depth - line) / 0.7) ** 2))
    x0, x1 = layout.x_mm[0], layout.x_mm[-1]
    scan_width = x1 - x0
    for _ in range(a.ribs):
        # a rib beside the transducer footprint; its shadow follows from its attenuation
        x = rng.uniform(0.1, 0.9) * (x1 - x0) + x0
        y = a.skin_mm + a.fat_mm + rng.uniform(0.3, 0.8) * a.muscle_mm
        column = np.abs(layout.x_mm - x).argmin()
        row = np.abs(depth[:, column] - y).argmin()
        size = min(scan_width / 150, 1.0)
        rib = stamp(layout, x, layout.y_mm[row], size * rng.uniform(3, 8), size * rng.uniform(2, 4))
        if rib is not None:
            window, inside = rib
            inside &= below[window] < 2
            tissue[window][inside] = Tissue.RIB
    return below


def paint(parameters: PhantomParameters, layout: Layout, rng: np.random.Generator) -> Anatomy:
    """Paint the anatomy. The view is drawn with the kidney on the left; mirroring flips the lateral axis."""
    a = parameters.anatomy
    shape = layout.depth_mm.shape
    tissue = np.full(shape, Tissue.RETROPERITONEUM, np.uint8)
    echo_db = np.zeros(shape, np.float32)
    shade_db = np.zeros(shape, np.float32)
    scan = parameters.scan
    radius = scan.near_radius_mm
    steering = scan.angle_min if layout.geometry.far_radius == 0 else None

    # the organs move and deform, the body wall stays with the transducer
    sign = np.float32(-1 if a.mirrored else 1)
    xs, ys = layout.x_mm * sign, layout.y_mm
    xo, yo = xs - np.float32(a.offset_mm[0]), ys - np.float32(a.offset_mm[1])
    warps = [Waves(rng, a.warp_mm / 2, 60.0, 160.0)(xo, yo) for _ in range(2)]
    x, y = xo[None] + warps[0], yo[:, None] + warps[1]
    rough = Waves(rng, a.liver.border_roughness_mm, 12.0, 32.0, 5)(xo, yo)

    wall_rng, organ_rng, vessel_rng = rng.spawn(3)
    below_wall = _body_wall(parameters, layout, wall_rng, tissue, echo_db)
    body = below_wall >= 0
    liver = np.zeros(shape, bool)
    kidney = np.zeros(shape, bool)
    plain = tissue

    if a.content is Content.CHAMBERS:
        _paint_chambers(parameters, layout, organ_rng, tissue, body)
    elif a.content is Content.SOFT_TISSUE:
        waves = Waves(organ_rng, 6.0, 50.0, 120.0)(xo, yo)
        tissue[body & (y + waves > organ_rng.uniform(50, 90))] = Tissue.BOWEL
        tissue[body & (y + waves < organ_rng.uniform(20, 50))] = Tissue.MUSCLE
    else:
        k = replace(a.kidney, half_length=max(a.kidney.half_length, 1.0))
        has_kidney = a.content is not Content.NO_KIDNEY
        shape_of_kidney = KidneyShape(k, organ_rng, x, y)
        bound = _liver_field(a.liver, k, x, y, shape_of_kidney, rough, has_kidney)
        field = np.minimum(bound[0], bound[1])
        distance, facing = _facing(field, layout, radius, steering)
        # about one pulse length, or the line would drown in the speckle beside it
        thickness = np.float32(0.4 + 0.5 * scan.cycles * 1.54 / scan.frequency_mhz)
        liver = body & (field > 0)
        if has_kidney:
            liver &= shape_of_kidney.relative >= 1
        beyond = body & (bound[1] <= 0) & (bound[0] > 0)
        tissue[beyond if a.liver.dome else beyond & (y < a.liver.y + 0.75 * a.liver.half_height)] = Tissue.LUNG
        share = _lateral_share(layout, a.mirrored) + 0.004 * warps[0]
        curtain = body & (share > a.lung_curtain)
        # the lung's edge shades a part of the aperture first
        shade = np.clip((share - a.lung_curtain) / 0.12 + 1, 0, 1) - curtain
        shade_db = np.float32(0.9 * parameters.acoustics.lung_db) * shade * body
        liver &= ~curtain
        tissue[curtain] = Tissue.LUNG
        if has_kidney:
            fat = body & ~liver & (shape_of_kidney.relative < 1 + k.perirenal_fat_mm / k.half_thickness)
            tissue[fat] = Tissue.PERIRENAL_FAT
        if a.bowel_gas:
            _paint_bowel(k, x, y, tissue, body & ~liver, organ_rng)
        specular = np.float32(parameters.acoustics.specular_db) * facing**4
        if a.content is Content.NO_LIVER:
            tissue[liver] = Tissue.BOWEL
            liver = np.zeros(shape, bool)
        else:
            tissue[liver] = Tissue.LIVER
            capsule = body & (np.abs(distance) < thickness)
            diaphragm = body & (distance < 0.5) & (distance > -2.0) & (bound[1] < bound[0]) & (y > a.liver.y * 0.6)
            tissue[capsule & ~liver & ~curtain] = Tissue.LIVER_CAPSULE
            tissue[diaphragm & ~curtain] = Tissue.DIAPHRAGM
            lines = (diaphragm | capsule) & ~curtain
            echo_db += np.where(lines, specular - 3, 0).astype(np.float32)
            liver &= tissue == Tissue.LIVER
        if has_kidney:
            kidney = body & (shape_of_kidney.relative < 1)
            paint_kidney(k, shape_of_kidney, kidney, tissue, echo_db, organ_rng)
            rim, kidney_facing = _facing(shape_of_kidney.relative - 1, layout, radius, steering)
            capsule = body & (np.abs(rim) < 0.6)
            echo_db += np.where(capsule, np.float32(parameters.acoustics.specular_db * 0.8) * kidney_facing**4, 0)
        plain = tissue.copy()
        if liver.any():
            paint_vessels(parameters, layout, sign, liver, tissue, vessel_rng)
            if a.liver.gallbladder:
                paint_gallbladder(parameters, layout, sign, liver, tissue, plain, vessel_rng)
        if has_kidney:
            _paint_cysts(k, layout, sign, a.offset_mm, kidney, tissue, vessel_rng)
    return Anatomy(tissue=tissue, plain=plain, liver=liver, kidney=kidney, echo_db=echo_db, shade_db=shade_db)


def _lateral_share(layout: Layout, mirrored: bool) -> np.ndarray:
    """Lateral position of every pixel as a share 0..1 of the field of view, from the kidney's side."""
    count = layout.beam_angle.size - 2 * layout.padding
    share = (layout.sample[1] - layout.padding) / np.float32(count - 1)
    return 1 - share if mirrored else share


def _liver_field(liver: LiverParameters, k: KidneyParameters, x, y, kidney, rough, has_kidney: bool):
    """Two fields in mm, positive inside: above the kidney's fat, and inside the liver's own ellipse."""
    if has_kidney:
        above = (kidney.across - _interface(kidney.along, k, liver.interface_slope)) + rough
    else:
        above = np.full(x.shape, 1e3, np.float32)
    u, v = (x - liver.x) / liver.half_width, (y - liver.y) / liver.half_height
    v = np.where(v < 0, 0.45 * v, v)  # towards the transducer the body wall ends the liver, not the ellipse
    ellipse = (1 - np.sqrt(u * u + v * v)) * np.float32(min(liver.half_width, liver.half_height)) + rough
    return above.astype(np.float32), ellipse.astype(np.float32)


def _paint_bowel(k: KidneyParameters, x, y, tissue, free, rng) -> None:
    """Bowel beside the liver's tip with gas in front; the gas attenuates and so casts the shadow."""
    cx = k.x - k.half_length * rng.uniform(0.9, 1.3)
    cy = k.y - k.half_thickness * rng.uniform(0.8, 1.6)
    size = rng.uniform(10, 22)
    distance = np.hypot(x - cx, (y - cy) * 1.3)
    tissue[free & (distance < size)] = Tissue.BOWEL
    tissue[free & (distance < size * 0.7)] = Tissue.BOWEL_GAS


def _paint_cysts(k: KidneyParameters, layout: Layout, sign, offset, kidney, tissue, rng) -> None:
    for _ in range(k.cysts):
        angle = rng.uniform(0, 2 * np.pi)
        s, n = 0.75 * k.half_length * np.cos(angle), 0.75 * k.half_thickness * np.sin(angle)
        x = k.x + s * np.cos(k.tilt) + n * np.sin(k.tilt) + offset[0]
        y = k.y + s * np.sin(k.tilt) - n * np.cos(k.tilt) + offset[1]
        size = rng.uniform(4, 11)
        cyst = stamp(layout, x * sign, y, size, size * rng.uniform(0.8, 1.2))
        if cyst is not None:
            window, inside = cyst
            tissue[window][inside & kidney[window]] = Tissue.KIDNEY_CYST


def _paint_chambers(parameters: PhantomParameters, layout: Layout, rng, tissue, body) -> None:
    """Blood-filled chambers with thick walls, or a large vessel."""
    depth = parameters.scan.depth_mm
    tissue[body] = Tissue.MYOCARDIUM if rng.random() < 0.6 else Tissue.RETROPERITONEUM
    for _ in range(rng.integers(1, 5)):
        cx = rng.uniform(-0.3, 0.3) * depth
        cy = rng.uniform(0.3, 0.85) * depth
        width, height = rng.uniform(0.06, 0.2, 2) * depth
        for grow, label in ((rng.uniform(2, 9), Tissue.MYOCARDIUM), (0.0, Tissue.CHAMBER)):
            chamber = stamp(layout, cx, cy, width + grow, height + grow)
            if chamber is not None:
                window, inside = chamber
                tissue[window][inside & body[window]] = label
