"""Quality flags: a short code for tables, and the reason in words."""

from __future__ import annotations

from dataclasses import dataclass

# code -> what it means; a reason with the figures of the case goes into Flag.reason
FLAG_MEANINGS = {
    "uncalibrated": "no pixel spacing is known, the ROI size is in pixels and not 15 mm",
    "calibration_conflict": "two sources of pixel spacing contradict each other",
    "calibration_refused": "a pixel spacing of the header is impossible and was not used",
    "roi_outside_region": "an ROI lies outside the DICOM ultrasound region that gave the spacing",
    "color": "an ROI or the insonated area contains colored pixels (Doppler or overlay)",
    "shadow": "the tissue above an ROI or the ROI itself looks shadowed",
    "near_saturation": "many pixels of an ROI are at or near the largest gray level",
    "clipped_black": "many pixels of an ROI are black",
    "few_pixels": "an ROI has too few pixels for a mean: the image was reduced",
    "depth_mismatch": "the two ROIs lie at different depths",
    "roi_distance": "the two ROIs lie far apart",
    "organ_too_small": "an organ mask is hardly larger than the ROI, so there is no choice of place",
    "roi_outside_organ": "part of an ROI lies outside its organ",
    "roi_outside_scan": "part of an ROI lies outside the insonated area",
    "inhomogeneous": "an ROI is not homogeneous tissue",
    "low_confidence": "the segmentation network was unsure about an organ",
    "implausible_anatomy": "size or position of the organs is unusual for a liver/kidney view",
    "no_scan_geometry": "the insonated area could not be recognized",
    "manual_roi": "an ROI was placed or moved by hand",
}


@dataclass(frozen=True)
class Flag:
    """One quality flag. ``code`` is a key of ``FLAG_MEANINGS``; ``reason`` is a sentence with the case's figures."""

    code: str
    reason: str

    def __post_init__(self):
        if self.code not in FLAG_MEANINGS:
            raise ValueError(f"unknown flag code {self.code!r}")
