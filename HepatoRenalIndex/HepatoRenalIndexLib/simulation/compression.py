"""Log compression, gray map, and the mean gray level of speckle behind them."""

from __future__ import annotations

import numpy as np

from .parameters import ReceiverParameters

# gray level, as a share of the scale, at which normal liver is shown with well-set gain
_LIVER_SHARE = 0.33


def gray_level(level_db: np.ndarray, receiver: ReceiverParameters) -> np.ndarray:
    """Displayed gray level 0..255 (float) of an echo intensity in dB relative to normal liver, clipped at both ends."""
    share = (level_db + receiver.gain_db) / receiver.dynamic_range_db + _LIVER_SHARE
    share = np.clip(share, 0.0, 1.0)
    if receiver.gamma != 1.0:
        share = share**receiver.gamma
    if receiver.s_curve:
        share = share + receiver.s_curve * share * (1 - share) * (2 * share - 1)
    return 255.0 * share


class GrayMap:
    """The receiver's gray map as tables: of one echo, and of the mean over fully developed speckle.

    With fully developed speckle the intensity is exponentially distributed about its mean (Wagner et al., IEEE Trans.
    Sonics Ultrason. 1983;30:156). The mean gray level is that distribution's expectation of :func:`gray_level`,
    clipping at 0 and 255 included, summed over the distribution of the level in dB in steps of ``STEP_DB``.
    """

    STEP_DB = 0.05
    _LOW_DB, _HIGH_DB = -100.0, 80.0

    def __init__(self, receiver: ReceiverParameters):
        self._levels = np.arange(self._LOW_DB - 60, self._HIGH_DB + 20, self.STEP_DB)
        self._gray = gray_level(self._levels, receiver)
        offsets = np.arange(-60, 15, self.STEP_DB)
        edges = np.append(offsets, offsets[-1] + self.STEP_DB) - self.STEP_DB / 2
        weight = np.diff(-np.expm1(-(10 ** (edges / 10))))
        weight /= weight.sum()
        inner = np.convolve(self._gray, weight[::-1], mode="valid")
        self._mean_levels = self._levels[: inner.size] + 60
        self._mean = inner

    def _look_up(self, level_db: np.ndarray, values: np.ndarray, first: float) -> np.ndarray:
        position = np.clip((level_db - np.float32(first)) / np.float32(self.STEP_DB), 0, values.size - 1.001)
        index = position.astype(np.int32)
        fraction = position - index
        values = values.astype(np.float32)
        return values[index] * (1 - fraction) + values[index + 1] * fraction

    def display(self, level_db: np.ndarray) -> np.ndarray:
        """Gray level 0..255, float32, of echo levels in dB."""
        return self._look_up(level_db, self._gray, self._levels[0])

    def expected(self, level_db: np.ndarray) -> np.ndarray:
        """Mean gray level, float32, of speckle whose mean intensity is ``level_db``."""
        return self._look_up(level_db, self._mean, self._mean_levels[0])
