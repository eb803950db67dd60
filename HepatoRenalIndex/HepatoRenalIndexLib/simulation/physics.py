"""Physics along the beam: attenuation, TGC, speckle and its expectation, log compression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import correlate1d

from ..geometry.scan import ProbeShape
from .anatomy import Anatomy
from .fields import smooth_noise
from .layout import Layout
from .parameters import PhantomParameters
from .tissues import ACOUSTICS, Tissue, steatosis_attenuation, steatosis_backscatter_db, steatosis_wall_contrast, table

_FAR_BELOW_DB = -90.0


@dataclass(frozen=True)
class Echo:
    """Received echo on the beam grid (depth, beam), before compression; levels in dB of normal liver.

    ``envelopes`` are amplitudes, one per compounded frame. ``scene_db`` is the mean intensity of everything,
    ``plain_db`` without vessels and cysts. ``loss_db`` is what shadows of rib, gas and lung and poor contact take away;
    ``signal_to_noise_db`` says where anything is visible.
    """

    envelopes: tuple[np.ndarray, ...]
    scene_db: np.ndarray
    plain_db: np.ndarray
    loss_db: np.ndarray
    signal_to_noise_db: np.ndarray


def acoustic_tables(parameters: PhantomParameters) -> tuple[np.ndarray, np.ndarray]:
    """Backscatter (dB re normal liver) and attenuation (dB/cm/MHz) by tissue label, for these parameters."""
    p = parameters.acoustics
    echo = table("echo_db") * np.float32(p.contrast)
    attenuation = table("attenuation")
    liver = steatosis_backscatter_db(p.fat_fraction) if p.liver_db is None else p.liver_db
    wall = ACOUSTICS[Tissue.VESSEL_WALL].echo_db * p.contrast + p.wall_db
    echo[Tissue.LIVER] = liver
    echo[Tissue.VESSEL_WALL] = liver + wall * steatosis_wall_contrast(p.fat_fraction)
    if p.vessel_fill_db is not None:
        # what side lobes bring from the parenchyma beside the vessel adds to the echo of blood
        echo[Tissue.VESSEL] = 10 * np.log10(10 ** (echo[Tissue.VESSEL] / 10) + 10 ** ((liver + p.vessel_fill_db) / 10))
    echo[Tissue.LUNG] = p.lung_db
    echo[Tissue.CORTEX] = p.cortex_db
    echo[Tissue.MEDULLA] = p.cortex_db + p.medulla_db
    echo[Tissue.SINUS] = p.cortex_db + p.sinus_db
    rate = steatosis_attenuation(p.fat_fraction) if p.liver_attenuation is None else p.liver_attenuation
    attenuation[[Tissue.LIVER, Tissue.VESSEL_WALL]] = rate
    return echo, attenuation


def _texture(parameters: PhantomParameters, layout: Layout, tissue: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tissue texture coarser than speckle, in dB on the beam grid: streaks along the layers, and mottle."""
    streak, mottle = table("streak_db"), table("mottle_db")
    mottle[Tissue.LIVER] = parameters.anatomy.liver.coarseness_db
    shape = tissue.shape
    lateral = float(np.median(layout.lateral_mm))
    ax = layout.axial_mm
    scale = min(parameters.scan.depth_mm / 160.0, 1.0)  # small bodies have fine texture
    streaks = smooth_noise(rng, shape, (1.5 * scale / ax, 14.0 * scale / lateral))
    blotches = smooth_noise(rng, shape, (5.0 * scale / ax, 6.0 * scale / lateral))
    broad = smooth_noise(rng, shape, (25.0 * scale / ax, 30.0 * scale / lateral))
    return streak[tissue] * streaks + mottle[tissue] * (blotches + broad) * np.float32(0.7)


def _beam_loss(parameters: PhantomParameters, layout: Layout) -> np.ndarray:
    """Loss of each beam by poor contact towards the scan borders, dB."""
    r = parameters.receiver
    count = layout.beam_angle.size - 2 * layout.padding
    position = np.clip((np.arange(layout.beam_angle.size) - layout.padding) / (count - 1), 0, 1)
    loss = np.zeros(layout.beam_angle.size)
    for amount, width, distance in zip(r.contact_loss_db, r.contact_width, (position, 1 - position), strict=True):
        loss += amount * np.clip(1 - distance / width, 0, 1) ** 1.5
    return loss.astype(np.float32)


def _gain(parameters: PhantomParameters, layout: Layout) -> np.ndarray:
    """TGC with its knob errors, and focal gain, in dB at each depth."""
    scan, r = parameters.scan, parameters.receiver
    depth = layout.depths_mm
    knots = np.linspace(0, scan.depth_mm, len(r.tgc_errors_db))
    tgc = 2 * r.tgc_db_cm_mhz * scan.frequency_mhz * depth / 10 + np.interp(depth, knots, r.tgc_errors_db)
    focus = r.focal_gain_db * np.exp(-(((depth - scan.focus_mm) / (0.3 * scan.depth_mm)) ** 2))
    return (tgc + focus).astype(np.float32)


def lateral_sigma(parameters: PhantomParameters, layout: Layout) -> np.ndarray:
    """Standard deviation of the lateral point spread in beams, at each depth."""
    scan = parameters.scan
    depth = np.maximum(layout.depths_mm, 1.0)
    wavelength = 1.54 / scan.frequency_mhz
    f_number = np.maximum(depth / scan.aperture_mm, 1.5)
    defocus = 1 + 0.6 * ((depth - scan.focus_mm) / (depth + scan.focus_mm)) ** 2
    fwhm = 1.2 * wavelength * f_number * defocus * parameters.acoustics.beam_widening
    spacing = np.maximum(layout.lateral_mm, 1e-3)
    return np.clip(fwhm / 2.355 / spacing, 0.8, layout.padding / 2).astype(np.float32)


class PointSpread:
    """Gaussian point spread: constant along the beam, changing with depth across it."""

    def __init__(self, parameters: PhantomParameters, layout: Layout):
        scan = parameters.scan
        wavelength = 1.54 / scan.frequency_mhz
        axial = max(scan.cycles * wavelength / 2 / 2.355 / layout.axial_mm, 0.6)
        half = int(np.ceil(3.5 * axial))
        kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / axial) ** 2)
        self._axial = (kernel / np.sqrt((kernel**2).sum())).astype(np.float32)
        self._axial_power = (self._axial**2).astype(np.float32)
        self._sigma = lateral_sigma(parameters, layout)
        count = layout.beam_angle.size
        frequency = (2 * np.pi * np.fft.fftfreq(count)).astype(np.float32)
        transfer = np.exp(-0.5 * (self._sigma[:, None] * frequency) ** 2)
        self._transfer = (transfer / np.sqrt((transfer**2).mean(axis=1, keepdims=True))).astype(np.float32)
        # the square of the impulse response, so that intensity and amplitude agree to rounding
        response = np.fft.ifft(self._transfer, axis=1).real
        self._power = np.fft.rfft(response**2, axis=1).real.astype(np.float32)

    def amplitude(self, field: np.ndarray) -> np.ndarray:
        """Blur a complex field (scatterers) into the received field."""
        field = np.fft.ifft(np.fft.fft(field, axis=1) * self._transfer, axis=1)
        return correlate1d(field, self._axial, axis=0, mode="nearest")

    def intensity(self, intensity: np.ndarray) -> np.ndarray:
        """Expected intensity behind :meth:`amplitude` of independent scatterers of that intensity."""
        count = intensity.shape[1]
        blurred = np.fft.irfft(np.fft.rfft(intensity, axis=1) * self._power, n=count, axis=1)
        return np.maximum(correlate1d(blurred, self._axial_power, axis=0, mode="nearest"), 0)


def _decibel(intensity: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(intensity, np.float32(10 ** (_FAR_BELOW_DB / 10))))


def make_echo(parameters: PhantomParameters, layout: Layout, anatomy: Anatomy, rng: np.random.Generator) -> Echo:
    """Send the pulse and receive: everything between the tissue map and the received envelope."""
    scan, receiver = parameters.scan, parameters.receiver
    index = (layout.beam_y, layout.beam_x)
    tissue, plain = anatomy.tissue[index], anatomy.plain[index]
    echo, attenuation = acoustic_tables(parameters)
    texture = _texture(parameters, layout, plain, rng) + anatomy.echo_db[index]
    scatter = np.where(tissue == plain, echo[tissue] + texture, echo[tissue])
    scatter_plain = echo[plain] + texture

    # two-way attenuation along the beam; the aperture averages what lies in front
    rate = attenuation[tissue] * np.float32(2 * scan.frequency_mhz * layout.axial_mm / 10)
    width = scan.path_beams or (6 if scan.shape is ProbeShape.SECTOR else 9)
    rate = _average_beams(rate, width)
    path = np.cumsum(rate, axis=0) - rate / 2
    contact = _beam_loss(parameters, layout)[None] - anatomy.shade_db[index]
    gain = _gain(parameters, layout)[:, None]
    received = gain - path - contact
    depth = layout.depths_mm[:, None]
    clutter = np.float32(10 ** (receiver.clutter_db / 10)) * np.exp(-depth / 6)
    noise = 10 ** ((receiver.noise_db + gain) / 10)
    spread = PointSpread(parameters, layout)

    def scattered(level_db: np.ndarray) -> np.ndarray:
        # electronic noise joins the scatterers: it passes the same receive filter, so its grain matches
        return 10 ** ((level_db + received) / 10) + clutter + noise

    scene = scattered(scatter)
    total = spread.intensity(scene)
    total_plain = spread.intensity(scattered(scatter_plain))
    amplitude = np.sqrt(scene / 2)
    speckle = np.random.default_rng([parameters.speckle_seed, 7])
    envelopes = []
    for _ in range(receiver.looks):
        scatterers = _complex_noise(speckle, tissue.shape, parameters.speckle_phase)
        envelopes.append(np.abs(spread.amplitude(amplitude * scatterers)))
    shadowing = np.isin(tissue, (Tissue.RIB, Tissue.BOWEL_GAS))
    shadow = np.cumsum(_average_beams(np.where(shadowing, rate, 0), width), axis=0)
    return Echo(
        envelopes=tuple(envelopes),
        scene_db=_decibel(total),
        plain_db=_decibel(total_plain),
        loss_db=(shadow + contact).astype(np.float32),
        signal_to_noise_db=_decibel(total - noise) - _decibel(noise),
    )


def _average_beams(array: np.ndarray, half: int) -> np.ndarray:
    kernel = np.hanning(2 * half + 3)[1:-1]
    return correlate1d(array, (kernel / kernel.sum()).astype(np.float32), axis=1, mode="nearest")


def _complex_noise(rng: np.random.Generator, shape: tuple[int, int], phase: float) -> np.ndarray:
    """Complex Gaussian noise, unit variance of each part; ``phase`` turns it into an independent one."""
    noise = rng.standard_normal((*shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    other_seed = rng.integers(2**32)  # drawn in any case: the looks after this one must not depend on the phase
    if phase == 0.0:
        return noise
    other = np.random.default_rng(other_seed).standard_normal((*shape, 2), dtype=np.float32)
    return np.float32(np.cos(phase)) * noise + np.float32(np.sin(phase)) * other.view(np.complex64)[..., 0]
