"""Whether an image is like those that a model was trained on, and in plain words how it is not."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from HepatoRenalIndexLib.geometry.scan import ProbeShape
from HepatoRenalIndexLib.imaging.image import InputError

from .brightness_domain import BrightnessDomain, learn_brightness
from .description import ImageDescription, summarize
from .values import checked_header, number, number_list

KIND = "training domain"

# code -> what it means; the sentence of a warning has the case's figures
OUTSIDE_MEANINGS = {
    "no_scan": "no insonated area was found in the image",
    "probe_shape": "the probe is of another kind than in the training images",
    "scanner": "the scanner is none of those that the model was trained on",
    "scan_depth": "the scan is deeper or shallower than in the training images",
    "opening_angle": "the sector is wider or narrower than in the training images",
    "scan_width": "the scan is wider or narrower than in the training images",
    "pixel_spacing": "the pixels are larger or smaller than in the training images",
    "scale_unknown": "the image has no scale, so that its depth cannot be compared with the training images",
    "brightness": "the gray levels are unlike those of the training images (gain, dynamic range, gray map, smoothing)",
}
# How far beyond the training images still counts as inside, as a share of the value (angles: degrees).
_MARGINS = {"depth_mm": 0.15, "opening_angle": 10.0, "width_mm": 0.15, "pixel_spacing_mm": 0.3}
_MEASURES = {  # field of a description -> code, name, unit
    "depth_mm": ("scan_depth", "depth of the scan", "mm"),
    "opening_angle": ("opening_angle", "opening angle of the scan", "degrees"),
    "width_mm": ("scan_width", "width of the scan", "mm"),
    "pixel_spacing_mm": ("pixel_spacing", "pixel size", "mm"),
}
_LARGEST = 1e6
# Words of manufacturers' names that come and go between headers of one scanner
_GENERIC = {"healthcare", "medical", "systems", "system", "ultrasound", "vingmed", "inc", "ltd", "co", "corporation"}


@dataclass(frozen=True)
class OutsideWarning:
    """One way in which an image is unlike the training images. ``code`` is a key of ``OUTSIDE_MEANINGS``."""

    code: str
    sentence: str

    def __post_init__(self):
        if self.code not in OUTSIDE_MEANINGS:
            raise ValueError(f"unknown warning {self.code!r}")


@dataclass(frozen=True)
class TrainingDomain:
    """The images that a model was trained on, as far as another image can be compared with them.

    ``ranges`` holds lowest and highest value of the training images for the fields ``depth_mm``, ``opening_angle``,
    ``width_mm`` and ``pixel_spacing_mm`` that are known of at least one of them. ``scanners`` is empty where the
    training images did not say. ``brightness`` is ``None`` with too few subjects.
    """

    subjects: int
    shapes: tuple[ProbeShape, ...]
    scanners: tuple[str, ...]
    ranges: dict[str, tuple[float, float]]
    brightness: BrightnessDomain | None

    def check(self, descriptions: Sequence[ImageDescription]) -> tuple[OutsideWarning, ...]:
        """Warnings for the frames of one image or clip, none where it looks like the training images."""
        if not descriptions:
            raise ValueError("there is no image to compare with the training images")
        image = summarize(descriptions)
        if image.brightness is None:
            return (OutsideWarning("no_scan", "No insonated area was found; the estimate cannot be trusted."),)
        found = [*self._of_probe(image), *self._of_measures(image)]
        if self.brightness is not None and (sentence := self.brightness.judge(image.brightness)) is not None:
            found.append(OutsideWarning("brightness", sentence))
        return tuple(found)

    def _of_probe(self, image: ImageDescription) -> list[OutsideWarning]:
        found = []
        if image.probe_shape not in self.shapes:
            known = " and ".join(shape.value for shape in self.shapes)
            what = (
                "of unknown shape" if image.probe_shape is ProbeShape.UNKNOWN else f"a {image.probe_shape.value} scan"
            )
            found.append(OutsideWarning("probe_shape", f"The image is {what}; the model was trained on {known} scans."))
        if image.scanner and self.scanners and not any(_same_scanner(image.scanner, known) for known in self.scanners):
            sentence = f"The scanner {image.scanner} is none of those trained on: {', '.join(self.scanners)}."
            found.append(OutsideWarning("scanner", sentence))
        return found

    def _of_measures(self, image: ImageDescription) -> list[OutsideWarning]:
        found = []
        for name, (code, words, unit) in _MEASURES.items():
            value = getattr(image, name)
            if name not in self.ranges or value is None:
                continue
            low, high = self.ranges[name]
            margin = _MARGINS[name]
            lowest, highest = (low - margin, high + margin) if margin > 1 else (low * (1 - margin), high * (1 + margin))
            if not lowest <= value <= highest:
                sentence = f"The {words} is {value:.3g} {unit}; training images had {low:.3g} to {high:.3g} {unit}."
                found.append(OutsideWarning(code, sentence))
        if "depth_mm" in self.ranges and image.depth_mm is None:
            sentence = "The image has no scale; whether its depth is like that of the training images is not known."
            found.append(OutsideWarning("scale_unknown", sentence))
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`from_json` reads them back."""
        return {
            "kind": KIND,
            "version": 1,
            "subjects": self.subjects,
            "shapes": [shape.value for shape in self.shapes],
            "scanners": list(self.scanners),
            "ranges": {name: list(limits) for name, limits in self.ranges.items()},
            "brightness": None if self.brightness is None else self.brightness.to_json(),
        }

    @classmethod
    def from_json(cls, values: Any) -> TrainingDomain:
        """What :meth:`to_json` gave. Raises :class:`InputError` for anything else."""
        values = checked_header(values, KIND, ("subjects", "shapes", "scanners", "ranges", "brightness"))
        damaged = InputError(f"The {KIND} of the model contradicts itself; the model is damaged, fetch it again.")
        shapes, scanners, ranges = values["shapes"], values["scanners"], values["ranges"]
        lists = isinstance(shapes, list) and isinstance(scanners, list) and isinstance(ranges, dict)
        if not lists or not shapes or not all(isinstance(text, str) for text in [*shapes, *scanners]):
            raise damaged
        if not set(shapes) <= {shape.value for shape in ProbeShape} or not set(ranges) <= set(_MEASURES):
            raise damaged
        limits = {name: number_list(pair, KIND, name, 2, _LARGEST) for name, pair in ranges.items()}
        if any(pair.size != 2 or not 0 <= pair[0] <= pair[1] for pair in limits.values()):
            raise damaged
        return cls(
            subjects=int(number(values["subjects"], KIND, "number of subjects", 1e9)),
            shapes=tuple(ProbeShape(text) for text in shapes),
            scanners=tuple(scanners),
            ranges={name: (float(pair[0]), float(pair[1])) for name, pair in limits.items()},
            brightness=None if values["brightness"] is None else BrightnessDomain.from_json(values["brightness"]),
        )


def learn_domain(
    descriptions: Sequence[ImageDescription], subjects: Sequence[str], scanners: Sequence[str] = ()
) -> TrainingDomain:
    """Learn from the training images, one description an image or frame, ``subjects`` naming whose it is.

    The images should be of one view: learn a domain for each. ``scanners`` are names beyond those in the images'
    headers, for files without one. Frames without a scan are left out. Raises :class:`InputError` when none is left.
    """
    if len(descriptions) != len(subjects):
        raise InputError("The training domain needs the name of the subject of every image.")
    of_subject: dict[str, list[ImageDescription]] = {}
    for description, subject in zip(descriptions, subjects, strict=True):
        if description.brightness is not None:
            of_subject.setdefault(subject, []).append(description)
    if not of_subject:
        raise InputError("No training image shows a scan; the training domain cannot be learned.")
    typical = [summarize(own) for own in of_subject.values()]
    every = [description for own in of_subject.values() for description in own]
    ranges = {}
    for name in _MEASURES:
        known = [value for d in every if (value := getattr(d, name)) is not None and math.isfinite(value)]
        if known:
            ranges[name] = (float(min(known)), float(max(known)))
    named = sorted({d.scanner for d in every if d.scanner} | {name.strip() for name in scanners if name.strip()})
    return TrainingDomain(
        subjects=len(typical),
        shapes=tuple(shape for shape in ProbeShape if shape in {d.probe_shape for d in typical}),
        scanners=tuple(named),
        ranges=ranges,
        brightness=learn_brightness([d.brightness for d in typical]),
    )


def _same_scanner(one: str, other: str) -> bool:
    """Whether two names can mean one scanner: all words of one are in the other ("GE Vivid E9", "Vivid E9")."""
    first, second = (set(re.findall(r"[a-z0-9]+", text.lower().replace(".", ""))) - _GENERIC for text in (one, other))
    return bool(first and second) and (first <= second or second <= first)
