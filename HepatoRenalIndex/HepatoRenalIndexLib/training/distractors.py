"""Frames without liver or kidney, so that a network learns to find nothing in them.

Random layers, chambers, bright interfaces and speckle in a random insonated area: no anatomy in particular, but the
textures and edges of which any ultrasound picture is made. Also used to overwrite an organ of a labeled frame, which
gives frames with a kidney and no liver, or a liver and no kidney.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .dataset import CANVAS, Canvas


def random_texture(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """float32 ``shape`` in 0..1: random tissue-like layers and chambers under speckle, log-compressed."""
    rows, columns = shape
    echo = np.full(shape, generator.uniform(-1.0, 0.5), np.float32)
    for _ in range(generator.integers(1, 5)):  # regions of other echogenicity with sharp borders
        scale = generator.uniform(12, 90)
        field = _smooth(generator, shape, scale * generator.uniform(0.4, 1), scale)
        echo[field > generator.uniform(-0.5, 1.3)] += generator.normal(0, 0.9)
    for _ in range(generator.integers(0, 4)):  # dark chambers: vessels, cysts, heart, bowel
        y, x = np.ogrid[:rows, :columns]
        cy, cx = generator.uniform(0, rows), generator.uniform(0, columns)
        angle = generator.uniform(0, np.pi)
        u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        v = -(x - cx) * np.sin(angle) + (y - cy) * np.cos(angle)
        ring = (u / generator.uniform(8, 110)) ** 2 + (v / generator.uniform(6, 60)) ** 2
        wobble = 1 + 0.3 * _smooth(generator, shape, 25, 25)
        echo[ring < wobble] += generator.uniform(-3, 0.8)
        if generator.random() < 0.5:
            echo[np.abs(ring - wobble) < generator.uniform(0.03, 0.3)] += generator.uniform(0, 2)
    for _ in range(generator.integers(0, 4)):  # bright interfaces: level lines of smooth fields
        field = _smooth(generator, shape, generator.uniform(25, 90), generator.uniform(40, 160))
        echo[np.abs(field - generator.normal(0, 0.5)) < generator.uniform(0.01, 0.08)] += generator.uniform(0.5, 2.5)
    grain = (generator.uniform(0.5, 1.6), generator.uniform(0.7, 2.8))
    speckle = np.hypot(
        *(ndimage.gaussian_filter(generator.standard_normal(shape, np.float32), grain) for _ in range(2))
    )
    signal = np.log(speckle / speckle.mean() + 0.03) * generator.uniform(0.3, 1.0)
    signal = signal + ndimage.gaussian_filter(echo, generator.uniform(0.5, 2.5))
    depth = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    signal = signal - depth * generator.uniform(-0.5, 2.0)
    low, high = np.quantile(signal, (0.01, 0.995))
    picture = np.clip((signal - low) / (high - low), 0, 1) ** generator.uniform(0.6, 1.8)
    return (picture * generator.uniform(0.4, 1.0)).astype(np.float32)


def random_distractor(generator: np.random.Generator) -> Canvas:
    """A canvas filled with :func:`random_texture`, all background. Augmentation cuts the insonated area out of it."""
    shape = (CANVAS.rows, CANVAS.columns)
    picture = (random_texture(generator, shape) * 255).astype(np.uint8)
    return Canvas(picture, np.zeros(shape, np.uint8), np.ones(shape, np.uint8))


def without_organ(canvas: Canvas, label: int, texture: np.ndarray) -> Canvas:
    """``canvas`` with the organ ``label`` overwritten by ``texture`` (float 0..1, same shape) and unlabeled.

    The texture takes over the brightness around the organ and fades in over a few pixels.
    """
    organ = canvas.labels == label
    if not organ.any():
        return canvas
    weight = ndimage.gaussian_filter(ndimage.binary_dilation(organ, iterations=6).astype(np.float32), 4)
    around = (weight > 0.05) & ~organ & (canvas.mask > 0)
    level = canvas.image[around].mean() if around.any() else 60.0
    filling = np.clip(texture * (level / max(float(texture[organ].mean()) * 255, 1.0)), 0, 1) * 255
    image = canvas.image * (1 - weight) + filling * weight
    image = np.where(canvas.mask > 0, image, 0).astype(np.uint8)
    return Canvas(image, np.where(organ, 0, canvas.labels).astype(np.uint8), canvas.mask)


def _smooth(generator: np.random.Generator, shape: tuple[int, int], sigma_y: float, sigma_x: float) -> np.ndarray:
    """Smooth random field of mean 0 and SD 1; drawn coarsely and enlarged, so that wide fields cost little."""
    step = max(1, int(min(sigma_y, sigma_x) / 3))
    coarse = tuple(side // step + 2 for side in shape)
    field = ndimage.gaussian_filter(generator.standard_normal(coarse, np.float32), (sigma_y / step, sigma_x / step))
    field = ndimage.zoom(field, (shape[0] / coarse[0], shape[1] / coarse[1]), order=1)
    field = np.pad(field, ((0, shape[0] - field.shape[0]), (0, shape[1] - field.shape[1])), mode="edge")
    return (field - field.mean()) / max(float(field.std()), 1e-6)
