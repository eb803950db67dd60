"""Checks of plain values read from a model's files: what does not fit becomes one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError

VERSION = 1
MOST_NUMBERS = 1_000_000


def checked_header(values: Any, kind: str, names: Sequence[str]) -> Mapping[str, Any]:
    """``values`` if it is a mapping of this ``kind`` and version with all of ``names``; :class:`InputError` if not."""
    if not isinstance(values, Mapping) or values.get("kind") != kind:
        raise InputError(f"The model holds no {kind} where one should be; the model is damaged, fetch it again.")
    if values.get("version") != VERSION:
        raise InputError(f"The {kind} of the model was written by another version; update this software or the model.")
    missing = [name for name in names if name not in values]
    if missing:
        raise InputError(f"The {kind} of the model lacks {missing[0]}; the model is damaged, fetch it again.")
    return values


def number(value: Any, kind: str, name: str, largest: float) -> float:
    """A finite number of at most ``largest`` in size."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= largest:
        raise InputError(f"The {kind} of the model has a {name} that is no sensible number; fetch the model again.")
    return float(value)


def number_list(value: Any, kind: str, name: str, fewest: int, largest: float) -> np.ndarray:
    """Float64 ``(count,)`` of at least ``fewest`` finite numbers of at most ``largest`` in size."""
    if not isinstance(value, list) or not fewest <= len(value) <= MOST_NUMBERS:
        raise InputError(f"The {kind} of the model has no usable {name}; the model is damaged, fetch it again.")
    return np.array([number(item, kind, name, largest) for item in value])
