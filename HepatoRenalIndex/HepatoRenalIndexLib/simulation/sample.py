"""The sample data: phantoms as real DICOM ultrasound files, with their truth beside them.

``python -m HepatoRenalIndexLib.simulation.sample FOLDER`` writes them again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

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
from .phantom import Phantom, simulate
from .sample_dicom import FRAME_TIME_MS, Encoding, write_dicom
from .tissues import Tissue

TRUTH_FILE = "truth.json"
CLIP_FRAMES = 12

_ORIGIN = "Simulated by HepatoRenalIndexLib.simulation.sample; no patient and no scanner was involved."
_HRI_DEFINITION = (
    "Mean noise-free displayed gray level of liver parenchyma divided by that of renal cortex, unshadowed, averaged in "
    "5 mm bins of depth along the beam with equal weights for both tissues. Noise-free means expected over all speckle "
    "realizations."
)


def _sector() -> PhantomParameters:
    """Phased array as for the heart, kidney on the left, moderate steatosis."""
    return PhantomParameters(
        scan=ScanParameters(
            ProbeShape.SECTOR, 434, 636, 0.45, center_x=318.0, top_y=12.0, depth_mm=160.0, frequency_mhz=2.5
        ),
        anatomy=AnatomyParameters(
            fat_mm=11.0,
            muscle_mm=12.0,
            kidney=KidneyParameters(x=-34.0, y=104.0, tilt=0.3, sinus=0.42, perirenal_fat_mm=5.0),
            liver=LiverParameters(x=18.0, y=62.0, half_width=72.0, half_height=84.0, hepatic_veins=3, portal_veins=3),
            lung_curtain=0.86,
        ),
        acoustics=AcousticParameters(fat_fraction=0.08, cortex_db=-1.5, specular_db=12.0),
        receiver=ReceiverParameters(
            tgc_db_cm_mhz=0.58, contact_loss_db=(4.0, 8.0), looks=2, edge_enhancement=0.4, gain_db=-1.0, noise_db=-55.0
        ),
        display=DisplayParameters(text=3, ruler="edge", gray_bar="right", ecg=False, seed=4),
        seed=21,
        speckle_seed=1,
    )


def _curved() -> PhantomParameters:
    """Curved array, kidney on the right, normal liver, vertical ruler, ECG strip."""
    return PhantomParameters(
        scan=ScanParameters(
            ProbeShape.CURVED,
            600,
            800,
            0.33,
            center_x=390.0,
            top_y=40.0,
            depth_mm=150.0,
            near_radius_mm=50.0,
            angle_min=-0.58,
            angle_max=0.58,
            frequency_mhz=3.5,
            aperture_mm=26.0,
        ),
        anatomy=AnatomyParameters(
            mirrored=True,
            fat_mm=14.0,
            kidney=KidneyParameters(x=-18.0, y=98.0, half_length=50.0, half_thickness=23.0, tilt=0.18, pyramids=8),
            liver=LiverParameters(x=10.0, y=60.0, half_width=90.0, half_height=75.0, hepatic_veins=3, portal_veins=4),
            lung_curtain=1.5,
        ),
        acoustics=AcousticParameters(fat_fraction=0.02, cortex_db=-1.5),
        receiver=ReceiverParameters(
            dynamic_range_db=66.0, gain_db=2.0, contact_loss_db=(3.0, 4.0), looks=2, s_curve=0.2, noise_db=-62.0
        ),
        display=DisplayParameters(text=3, ruler="column", ruler_side="right", gray_bar="left", ecg=True, seed=9),
        seed=33,
        speckle_seed=2,
    )


def _clip() -> PhantomParameters:
    """Curved array, kidney on the left, marked steatosis; the organs move with breathing."""
    base = _curved()
    return replace(
        base,
        scan=replace(base.scan, rows=360, columns=480, spacing_mm=0.52, center_x=240.0, top_y=16.0),
        anatomy=replace(base.anatomy, mirrored=False, lung_curtain=0.93),
        acoustics=replace(base.acoustics, fat_fraction=0.16),
        receiver=replace(base.receiver, tgc_db_cm_mhz=0.68, gain_db=-4.0),
        display=DisplayParameters(text=2, ruler="edge", ruler_side="left", gray_bar="right", ecg=False, seed=5),
        seed=40,
        speckle_seed=3,
    )


def _no_kidney() -> PhantomParameters:
    """Liver alone: to be refused, there is nothing to divide by."""
    base = _sector()
    return replace(
        base,
        scan=replace(base.scan, rows=240, columns=320, spacing_mm=0.8, center_x=160.0, top_y=10.0),
        anatomy=replace(base.anatomy, content=Content.NO_KIDNEY, lung_curtain=1.5),
        display=replace(base.display, text=2, seed=6),
        seed=55,
        speckle_seed=4,
    )


_CASES: dict[str, tuple[Callable[[], PhantomParameters], int, Encoding]] = {
    "sector": (_sector, 1, Encoding.MONOCHROME_RLE),
    "curved": (_curved, 1, Encoding.YBR_JPEG),
    "clip": (_clip, CLIP_FRAMES, Encoding.MONOCHROME_JPEG_LS),
    "no_kidney": (_no_kidney, 1, Encoding.MONOCHROME),
}
SAMPLE_NAMES = tuple(_CASES)


def sample_phantom(name: str, frame: int = 0) -> Phantom:
    """The phantom behind a frame of the sample ``name`` (one of ``SAMPLE_NAMES``), with all its truth.

    Raises ``KeyError`` for another name and ``IndexError`` for a frame that the sample lacks.
    """
    make, count, _ = _CASES[name]
    if not 0 <= frame < count:
        raise IndexError(f"sample {name} has {count} frames")
    parameters = make()
    if count > 1:
        # breathing in: the organs slide under the probe, and the speckle changes as they do
        breath = math.sin(0.5 * math.pi * frame / (count - 1))
        anatomy = replace(parameters.anatomy, offset_mm=(1.5 * breath, 5.0 * breath))
        parameters = replace(parameters, anatomy=anatomy, speckle_phase=0.15 * frame)
    return simulate(parameters)


def _replace_file(path: Path, write: Callable[[Path], None]) -> str:
    """Write a file beside ``path``, move it there, return its SHA-256."""
    temporary = path.with_name(f".{path.name}.part{path.suffix}")
    try:
        write(temporary)
        digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return digest


def _frame_truth(phantom: Phantom, frame: int, labels: str) -> dict:
    hri = phantom.true_hri
    return {
        "frame": frame,
        "labels": labels,
        "true_hri": None if math.isnan(hri) else round(hri, 4),
        "liver_pixels": int(phantom.masks.liver.sum()),
        "right_kidney_pixels": int(phantom.masks.right_kidney.sum()),
    }


def write_sample_data(folder: Path | str) -> Path:
    """Write every sample as DICOM with its label images, and ``truth.json``; returns the path of the latter.

    Label images are PNG with 0 background, 1 liver, 2 right kidney in source geometry. ``truth.json`` gives for each
    case the pixel spacing, geometry, fat fraction, attenuation and noise-free HRI, and the SHA-256 of every file.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    checksums: dict[str, str] = {}
    cases = []
    for name, (_, count, encoding) in _CASES.items():
        phantoms = [sample_phantom(name, frame) for frame in range(count)]
        file_name = f"{name}.dcm"
        checksums[file_name] = _replace_file(
            folder / file_name, lambda path, n=name, p=phantoms, e=encoding: write_dicom(path, n, p, e)
        )
        frames = []
        for frame, phantom in enumerate(phantoms):
            labels = f"{name}_labels.png" if count == 1 else f"{name}_{frame:02d}_labels.png"
            image = Image.fromarray(phantom.masks.labels())
            checksums[labels] = _replace_file(folder / labels, lambda path, i=image: i.save(path, "PNG", optimize=True))
            frames.append(_frame_truth(phantom, frame, labels))
        first = phantoms[0]
        rows, columns = first.geometry.mask.shape
        cases.append(
            {
                "name": name,
                "file": file_name,
                "content": first.parameters.anatomy.content.value,
                "rows": rows,
                "columns": columns,
                "frame_time_ms": FRAME_TIME_MS if count > 1 else None,
                "spacing_mm": {"x": first.spacing_mm[1], "y": first.spacing_mm[0]},
                "probe": first.geometry.shape.value,
                "apex": [float(v) for v in np.round(first.geometry.apex, 4)],
                "near_radius_px": round(first.geometry.near_radius, 4),
                "far_radius_px": round(first.geometry.far_radius, 4),
                "angles_rad": [first.geometry.angle_min, first.geometry.angle_max],
                "depth_mm": first.parameters.scan.depth_mm,
                "kidney_side": "right" if first.parameters.anatomy.mirrored else "left",
                "fat_fraction": first.parameters.acoustics.fat_fraction,
                "liver_attenuation_db_cm_mhz": round(first.attenuation_db_cm_mhz[Tissue.LIVER], 4),
                "frames": frames,
            }
        )
    truth = {"origin": _ORIGIN, "true_hri_definition": _HRI_DEFINITION, "cases": cases, "sha256": checksums}
    path = folder / TRUTH_FILE
    text = json.dumps(truth, indent=1) + "\n"
    _replace_file(path, lambda target: target.write_text(text, encoding="utf-8"))
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the sample data of LiverUltrasound.")
    parser.add_argument("folder", type=Path)
    write_sample_data(parser.parse_args().folder)
