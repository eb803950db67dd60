"""The scanners of the simulated cohort: transducer, receiver and screen of each preset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from HepatoRenalIndexLib.geometry.scan import ProbeShape
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.simulation.parameters import DisplayParameters, ReceiverParameters, ScanParameters

# an image with fewer rows than this is computed with few beams and one look, which is all it can show
_SMALL_ROWS = 300
_SMALL_BEAMS, _BEAMS = 124, 248  # with their padding numbers of beams that the Fourier transform likes


@dataclass(frozen=True)
class Scanner:
    """A scanner with its abdominal preset.

    ``rows`` and ``columns`` are its native image size, ``fill`` the share of the image's height that the scan takes,
    ``penetration_mm`` the depth at which the echo of a normal liver sinks into the electronic noise. ``mirrored`` says
    that the screen shows the patient's side that others show on the left on the right.
    """

    name: str
    shape: ProbeShape
    rows: int
    columns: int
    near_radius_mm: float
    half_angle: float  # rad
    frequency_mhz: float
    aperture_mm: float
    cycles: float
    penetration_mm: float
    fill: float
    center: float  # of the scan, as a share of the image's width
    receiver: ReceiverParameters
    display: DisplayParameters
    mirrored: bool = False

    def scan(self, depth_mm: float, size: tuple[int, int] | None = None) -> ScanParameters:
        """The scan at a depth setting, in an image of ``size`` ``(rows, columns)``, by default the native one."""
        rows, columns = size or (self.rows, self.columns)
        extent = 2 * (self.near_radius_mm + depth_mm) * np.sin(self.half_angle)
        room = 2 * (0.5 - abs(self.center - 0.5))
        # the edges of a curved array lie above its middle
        bulge = self.near_radius_mm * (1 - np.cos(self.half_angle))
        height = depth_mm + bulge
        spacing = max(height / (rows * self.fill), extent / (columns * room * 0.97))
        top = (rows - height / spacing) * 0.4 + bulge / spacing
        cycles = self.cycles
        small = rows < _SMALL_ROWS
        beams = _SMALL_BEAMS if small else _BEAMS
        # distance between beams half way down, where the aperture has narrowed to half on its way to the focus
        between = 2 * self.half_angle * (self.near_radius_mm + 0.5 * depth_mm) / beams
        if small:
            # a pulse shorter than the pixels would only alias
            cycles = max(cycles, 1.6 * spacing * self.frequency_mhz / 1.54)
        return ScanParameters(
            shape=self.shape,
            rows=rows,
            columns=columns,
            spacing_mm=float(spacing),
            center_x=float(columns * self.center),
            top_y=float(top),
            depth_mm=float(depth_mm),
            near_radius_mm=self.near_radius_mm,
            angle_min=-self.half_angle,
            angle_max=self.half_angle,
            frequency_mhz=self.frequency_mhz,
            aperture_mm=self.aperture_mm,
            cycles=float(cycles),
            focus_mm=float(0.6 * depth_mm),
            beams=beams,
            path_beams=max(round(0.5 * self.aperture_mm / between), 1),
        )

    @property
    def noise_db(self) -> float:
        """Electronic noise at the surface in dB of normal liver; it equals normal liver at ``penetration_mm``."""
        return -2 * 0.5 * self.frequency_mhz * self.penetration_mm / 10


SCANNERS: dict[str, Scanner] = {
    scanner.name: scanner
    for scanner in (
        Scanner(
            name="curved-a",
            shape=ProbeShape.CURVED,
            rows=600,
            columns=800,
            near_radius_mm=60.0,
            half_angle=0.55,
            frequency_mhz=3.5,
            aperture_mm=26.0,
            cycles=1.6,
            penetration_mm=235.0,
            fill=0.88,
            center=0.5,
            receiver=ReceiverParameters(dynamic_range_db=64.0, s_curve=0.15, looks=2, edge_enhancement=0.3),
            display=DisplayParameters(text=3, ruler="column", ruler_side="right", gray_bar="left"),
        ),
        Scanner(
            name="curved-b",
            shape=ProbeShape.CURVED,
            rows=768,
            columns=1024,
            near_radius_mm=50.0,
            half_angle=0.6,
            frequency_mhz=2.8,
            aperture_mm=24.0,
            cycles=1.9,
            penetration_mm=255.0,
            fill=0.84,
            center=0.48,
            receiver=ReceiverParameters(dynamic_range_db=56.0, gamma=1.12, looks=3, smoothing_px=0.7),
            display=DisplayParameters(text=5, ruler="edge", ruler_side="left", gray_bar="right", background=6),
            mirrored=True,
        ),
        Scanner(
            name="curved-c",
            shape=ProbeShape.CURVED,
            rows=480,
            columns=640,
            near_radius_mm=45.0,
            half_angle=0.5,
            frequency_mhz=4.0,
            aperture_mm=30.0,
            cycles=1.5,
            penetration_mm=220.0,
            fill=0.9,
            center=0.52,
            receiver=ReceiverParameters(dynamic_range_db=70.0, gamma=0.88, looks=2, edge_enhancement=0.6),
            display=DisplayParameters(text=2, ruler="edge", ruler_side="right", gray_bar="none"),
        ),
        Scanner(
            name="sector-a",
            shape=ProbeShape.SECTOR,
            rows=434,
            columns=636,
            near_radius_mm=4.0,
            half_angle=0.75,
            frequency_mhz=2.5,
            aperture_mm=19.0,
            cycles=1.6,
            penetration_mm=245.0,
            fill=0.92,
            center=0.5,
            receiver=ReceiverParameters(dynamic_range_db=60.0, looks=2, edge_enhancement=0.4, s_curve=0.3),
            display=DisplayParameters(text=3, ruler="column", ruler_side="left", ruler_dots=True, gray_bar="right"),
        ),
    )
}


def scanner_of(name: str) -> Scanner:
    """The scanner of that name. Raises ``InputError`` for another name."""
    if name not in SCANNERS:
        raise InputError(f"There is no simulated scanner {name!r}; choose among {', '.join(SCANNERS)}.")
    return SCANNERS[name]
