"""Gray-level statistics of training images, and how far another image is from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError

from .description import Brightness
from .values import checked_header, number, number_list

KIND = "brightness domain"
FEWEST = 10  # subjects; the spread of fewer is not known
INSIDE = 0.95  # share of subjects like those of the training that pass
_NAMES = {  # field of a brightness -> words
    "mean": "mean gray level",
    "sd": "spread of the gray levels",
    "quantile_05": "gray level of the darkest 5 %",
    "median": "median gray level",
    "quantile_95": "gray level of the brightest 5 %",
    "black_share": "share of black pixels",
    "saturated_share": "share of saturated pixels",
    "depth_slope": "change of brightness with depth",
    "roughness": "difference of neighboring pixels",
}
# Spread below which differences mean nothing: gray levels; square roots of shares
_LEAST_SPREAD = np.array([2.0, 1.0, 1.0, 2.0, 3.0, 0.03, 0.03, 4.0, 0.3])
_WINSOR = 3.0
_LARGEST = 1e9


@dataclass(frozen=True)
class BrightnessDomain:
    """Center, spread and correlation of the statistics over training subjects, robust against odd ones.

    ``center`` and ``spread`` are float64 ``(statistics,)``, ``precision`` ``(statistics, statistics)``, of the fields
    of :class:`Brightness` in their order, shares as square roots; ``lowest`` and ``highest`` of the training subjects
    are in plain units. ``limit`` is the distance that ``INSIDE`` of subjects left out of the learning did not pass.
    """

    center: np.ndarray
    spread: np.ndarray
    precision: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    limit: float

    def distance(self, brightness: Brightness) -> float:
        """Mahalanobis distance over the root of the number of statistics: about 1 for a typical image."""
        return float(_distance(_vector(brightness), self.center, self.spread, self.precision))

    def judge(self, brightness: Brightness) -> str | None:
        """A sentence on how the image is unlike the training images; ``None`` where it is like them."""
        distance = self.distance(brightness)
        if distance <= self.limit:
            return None
        vector = _vector(brightness)
        odd = int(np.argmax(np.abs(vector - self.center) / self.spread))
        value, low, high = (_words(array[odd], odd) for array in (_plain(vector), self.lowest, self.highest))
        return (
            f"The gray levels are unlike those of the training images (distance {distance:.2f}, limit {self.limit:.2f}"
            f"), most of all the {list(_NAMES.values())[odd]}: {value}, in training {low} to {high}."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`from_json` reads them back."""
        arrays = ("center", "spread", "precision", "lowest", "highest")
        values = {name: getattr(self, name).ravel().tolist() for name in arrays}
        return {"kind": KIND, "version": 1, **values, "limit": self.limit}

    @classmethod
    def from_json(cls, values: Any) -> BrightnessDomain:
        """What :meth:`to_json` gave. Raises :class:`InputError` for anything else."""
        names = ("center", "spread", "precision", "lowest", "highest")
        values = checked_header(values, KIND, (*names, "limit"))
        size = len(_NAMES)
        arrays = {name: number_list(values[name], KIND, name, size, _LARGEST) for name in names}
        sizes = {name: size * size if name == "precision" else size for name in names}
        if any(array.size != sizes[name] for name, array in arrays.items()) or (arrays["spread"] <= 0).any():
            raise InputError(f"The {KIND} of the model contradicts itself; the model is damaged, fetch it again.")
        precision = arrays.pop("precision").reshape(size, size)
        if not np.allclose(precision, precision.T) or np.linalg.eigvalsh(precision).min() <= 0:
            raise InputError(f"The {KIND} of the model contradicts itself; the model is damaged, fetch it again.")
        return cls(**arrays, precision=precision, limit=number(values["limit"], KIND, "limit", _LARGEST))


def learn_brightness(subjects: Sequence[Brightness]) -> BrightnessDomain | None:
    """Learn from one typical description a subject; ``None`` below 10 subjects.

    Medians and median absolute deviations, correlation of values drawn in to 3 of these, shrunk towards none. The limit
    is found on subjects left out one by one, so that it holds for new ones (conformal prediction).
    """
    if len(subjects) < FEWEST:
        return None
    table = np.stack([_vector(brightness) for brightness in subjects])
    n = len(table)
    left_out = np.sort([_distance(table[i], *_center(np.delete(table, i, axis=0))) for i in range(n)])
    rank = min(math.ceil((n + 1) * INSIDE), n)
    plain = _plain(table.T).T
    return BrightnessDomain(*_center(table), plain.min(axis=0), plain.max(axis=0), float(left_out[rank - 1]))


def _center(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    center = np.median(table, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(table - center), axis=0), _LEAST_SPREAD)
    z = np.clip((table - center) / spread, -_WINSOR, _WINSOR)
    count, size = table.shape
    second_moment = z.T @ z / count
    shrink = size / (size + count)
    return center, spread, np.linalg.inv((1 - shrink) * second_moment + shrink * np.eye(size))


def _distance(vector: np.ndarray, center: np.ndarray, spread: np.ndarray, precision: np.ndarray) -> float:
    z = (vector - center) / spread
    return math.sqrt(max(float(z @ precision @ z), 0.0) / z.size)


_SHARES = np.array([name.endswith("_share") for name in _NAMES])


def _vector(brightness: Brightness) -> np.ndarray:
    """The statistics as float64; shares as square roots, whose error does not depend on their size."""
    values = np.array([getattr(brightness, name) for name in _NAMES], dtype=float)
    return np.where(_SHARES, np.sqrt(np.maximum(values, 0)), values)


def _plain(vector: np.ndarray) -> np.ndarray:
    """Back from :func:`_vector`; statistics along the first axis."""
    shares = _SHARES.reshape(-1, *[1] * (vector.ndim - 1))
    return np.where(shares, vector**2, vector)


def _words(value: float, statistic: int) -> str:
    return f"{100 * value:.1f} %" if _SHARES[statistic] else f"{value:.3g}"
