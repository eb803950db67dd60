"""Simulate one frame whose masks, spacing, attenuation and noise-free brightness are known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import correlate1d, map_coordinates

from ..geometry.scan import ScanGeometry
from ..geometry.spacing import Calibration, SpacingSource
from ..imaging.image import Provenance, UltrasoundImage
from ..measurement.organs import OrganMasks
from ..measurement.roi import Roi
from .anatomy import paint
from .compression import GrayMap
from .display import draw_display
from .layout import Layout, make_layout
from .parameters import Content, PhantomParameters, ReceiverParameters
from .physics import acoustic_tables, make_echo
from .tissues import Tissue

_SHADOW_DB = 3.0
_DEPTH_BIN_MM = 5.0


@dataclass(frozen=True)
class Phantom:
    """A simulated frame and the truth about it. All arrays are ``(rows, columns)`` in the image's pixels.

    ``masks`` are the organs as painted, clipped to the scan, shadowed parts included: liver with its vessels, kidney
    with cortex, medulla and sinus. ``tissue`` is uint8 of :class:`~.tissues.Tissue`; ``cortex`` is bool, cortex only;
    ``shadow`` is True where rib, gas, lung or poor contact take more than 3 dB; ``visible`` where the echo stands above
    the electronic noise.

    ``expected`` (float32) is the mean displayed gray level of every pixel over all speckle realizations. ``noise_free``
    is the same with the liver's vessels and all cysts replaced by the tissue around them: the brightness of
    parenchyma and kidney tissue that an ideal measurement reads. Burned-in graphics are in neither.
    ``attenuation_db_cm_mhz`` maps each tissue to its one-way attenuation.
    """

    parameters: PhantomParameters
    image: UltrasoundImage
    masks: OrganMasks
    geometry: ScanGeometry
    spacing_mm: tuple[float, float]  # (row, column), i.e. pixel height and width
    tissue: np.ndarray
    cortex: np.ndarray
    shadow: np.ndarray
    visible: np.ndarray
    expected: np.ndarray
    noise_free: np.ndarray
    graphics: np.ndarray  # bool, pixels drawn over by text, ruler, ECG, ...
    attenuation_db_cm_mhz: dict[Tissue, float]

    @property
    def calibration(self) -> Calibration:
        """The exact spacing as if the user had given it."""
        return Calibration(SpacingSource.USER, x_mm=self.spacing_mm[1], y_mm=self.spacing_mm[0])

    def noise_free_hri(self, liver: Roi, kidney: Roi) -> float:
        """Noise-free HRI of two ROIs: ratio of their means in ``noise_free``."""
        return float(liver.values(self.noise_free).mean() / kidney.values(self.noise_free).mean())

    @property
    def true_hri(self) -> float:
        """HRI of the frame: noise-free liver parenchyma over renal cortex at equal depth, as displayed.

        Both tissues are averaged in 5 mm bins of depth along the beam, unshadowed pixels only; bins are weighted with
        the smaller of the two pixel counts, and the ratio of the two weighted means is returned. NaN where the organs
        share no depth or one is not shown.
        """
        clear = ~self.shadow & self.visible
        liver = clear & self.masks.liver & np.isin(self.tissue, (Tissue.LIVER, Tissue.VESSEL, Tissue.VESSEL_WALL))
        cortex = clear & self.cortex
        if not liver.any() or not cortex.any():
            return float("nan")
        bins = np.maximum(self.geometry.depth_map() * self.spacing_mm[1] / _DEPTH_BIN_MM, 0).astype(np.intp)
        count = int(bins.max()) + 1

        def profile(mask):
            pixels = np.bincount(bins[mask], minlength=count)
            total = np.bincount(bins[mask], self.noise_free[mask].astype(np.float64), minlength=count)
            return pixels, total / np.maximum(pixels, 1)

        liver_pixels, liver_mean = profile(liver)
        cortex_pixels, cortex_mean = profile(cortex)
        weight = np.minimum(liver_pixels, cortex_pixels)
        if weight.sum() == 0:
            return float("nan")
        return float((weight * liver_mean).sum() / (weight * cortex_mean).sum())


def _post_process(frame: np.ndarray, receiver: ReceiverParameters) -> np.ndarray:
    """The scanner's display filter: smoothing and edge enhancement, both linear so that means stay exact."""

    def blur(array: np.ndarray, sigma: float) -> np.ndarray:
        half = max(1, int(np.ceil(3 * sigma)))
        kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2).astype(np.float32)
        kernel /= kernel.sum()
        return correlate1d(correlate1d(array, kernel, axis=0, mode="nearest"), kernel, axis=1, mode="nearest")

    if receiver.smoothing_px > 0.2:
        frame = blur(frame, receiver.smoothing_px)
    if receiver.edge_enhancement > 0:
        frame = frame + receiver.edge_enhancement * (frame - blur(frame, 1.5))
    return frame


def _scan_convert(beams: np.ndarray, layout: Layout, receiver: ReceiverParameters) -> np.ndarray:
    """Beam grid to image, float32 gray levels, 0 outside the scan."""
    pixels = map_coordinates(beams, layout.sample, order=1, mode="nearest", output=np.float32)
    pixels = np.clip(_post_process(pixels, receiver), 0, 255)
    pixels[~layout.inside] = 0
    return layout.to_image(pixels, 0)


def simulate(parameters: PhantomParameters) -> Phantom:
    """Simulate one frame. The same parameters give the same pixels.

    Raises ``ValueError`` if the scan lies outside the image.
    """
    layout = make_layout(parameters.scan)
    shape_rng, texture_rng = np.random.default_rng([parameters.seed, 3]).spawn(2)
    anatomy = paint(parameters, layout, shape_rng)
    echo = make_echo(parameters, layout, anatomy, texture_rng)
    receiver = parameters.receiver
    gray = GrayMap(receiver)
    looks = [gray.display(20 * np.log10(envelope + np.float32(1e-6))) for envelope in echo.envelopes]
    frame = _scan_convert(sum(looks) / len(looks), layout, receiver)
    expected = _scan_convert(gray.expected(echo.scene_db), layout, receiver)
    noise_free = _scan_convert(gray.expected(echo.plain_db), layout, receiver)

    geometry = layout.geometry
    inside = geometry.mask
    nearest = tuple(
        np.clip(np.rint(axis), 0, size - 1).astype(np.intp)
        for axis, size in zip(layout.sample, echo.loss_db.shape, strict=True)
    )
    shadow = layout.to_image(echo.loss_db[nearest] > _SHADOW_DB, False) & inside
    visible = layout.to_image(echo.signal_to_noise_db[nearest] > 0, False) & inside
    tissue = layout.to_image(anatomy.tissue, 0)
    tissue[~inside] = Tissue.OUTSIDE
    liver = layout.to_image(anatomy.liver, False) & inside
    kidney = layout.to_image(anatomy.kidney, False) & inside & ~liver
    pixels = np.where(inside, np.rint(frame), parameters.display.background).astype(np.uint8)
    drawn = draw_display(pixels, geometry, parameters)
    scan = parameters.scan
    rates = acoustic_tables(parameters)[1]
    return Phantom(
        parameters=parameters,
        image=UltrasoundImage(pixels=drawn, provenance=Provenance(source="phantom", file_format="array")),
        masks=OrganMasks(liver=liver, right_kidney=kidney),
        geometry=geometry,
        spacing_mm=(scan.spacing_mm * scan.aspect, scan.spacing_mm),
        tissue=tissue,
        cortex=kidney & (tissue == Tissue.CORTEX),
        shadow=shadow,
        visible=visible,
        expected=expected,
        noise_free=noise_free,
        graphics=drawn != pixels,
        attenuation_db_cm_mhz={t: float(rates[t]) for t in Tissue},
    )


__all__ = ["Content", "Phantom", "PhantomParameters", "simulate"]
