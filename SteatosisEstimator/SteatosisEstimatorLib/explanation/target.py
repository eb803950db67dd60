"""What has to be explained: a network, its inputs, and where they lie in the source images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..frames.crop import Crop
from ..frames.frame import Frame


@dataclass(frozen=True)
class ExplanationInput:
    """One branch of the network: its frame, where the input was cut from, and the last convolution that sees it.

    ``tensor`` is float32 ``(1, channels, rows, columns)`` as the network takes it; ``layer`` is the dotted name of a
    module of the network whose output is a spatial map ``(1, features, y, x)`` over the crop.
    """

    frame: Frame
    crop: Crop
    tensor: Any
    layer: str


@dataclass(frozen=True)
class ExplanationTarget:
    """``network(*tensors)`` is ``(1, 1)``: the quantity named ``quantity`` ("p_fatty_5", "fat_percent") on a scale that
    rises with fat. ``pooled_linear`` is True for a global average pooling followed by one linear layer, for which a
    class activation map (CAM) is exact; ``linear_weights`` are then its weights, ``(features,)`` for one input and
    ``(inputs, features)`` for several, each with a pooling of its own.
    """

    network: Any
    inputs: tuple[ExplanationInput, ...]
    quantity: str
    pooled_linear: bool = False
    linear_weights: Any = None
