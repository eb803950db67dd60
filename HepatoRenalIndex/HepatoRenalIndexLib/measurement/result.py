"""What a measurement is made of: dataclasses handed to tables, scenes and files."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..geometry.scan import ScanGeometry
from ..geometry.spacing import Calibration
from ..imaging.image import UltrasoundImage
from .cutoffs import Cutoff
from .flags import Flag
from .organs import MANUAL, ModelIdentity, OrganMasks
from .placement import PlacementResult
from .roi import Roi

__all__ = ["MANUAL", "FrameResult", "HepatoRenalMeasurement", "ModelIdentity", "RoiStatistics"]


@dataclass(frozen=True)
class RoiStatistics:
    """Brightness (8-bit gray levels) and position of one ROI.

    ``depth`` is measured along the beam from the transducer surface to the ROI center; ``depth_px`` in pixel
    widths, ``depth_mm`` ``None`` when uncalibrated. Shares are fractions 0..1 of the ROI's pixels.
    """

    roi: Roi
    mean: float
    sd: float  # sample standard deviation (n - 1)
    median: float
    pixel_count: int
    saturated_share: float
    zero_share: float
    depth_px: float
    depth_mm: float | None


@dataclass(frozen=True)
class HepatoRenalMeasurement:
    """HRI of one frame: liver mean / kidney mean (Cha et al. 2021).

    ``roi_mm`` is the side of the square ROIs in mm, ``None`` when uncalibrated. ``distance_mm`` is between the
    ROI centers. No verdict is attached: cut-offs do not transfer between devices.
    """

    hri: float
    liver: RoiStatistics
    kidney: RoiStatistics
    roi_mm: float | None
    distance_px: float
    distance_mm: float | None
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True)
class FrameResult:
    """Everything known about one frame after the job. ``status`` is ``"ok"`` or ``"error"``.

    With ``"error"``, ``measurement`` is ``None`` and ``message`` says what is wrong and what to do; the parts
    that were reached before the error are kept.
    """

    image: UltrasoundImage
    status: str
    message: str = ""
    geometry: ScanGeometry | None = None
    calibration: Calibration | None = None
    masks: OrganMasks | None = None
    placement: PlacementResult | None = None
    measurement: HepatoRenalMeasurement | None = None
    model: ModelIdentity = MANUAL
    cutoff: Cutoff | None = None  # what the user asked to compare the index with
    seconds: dict[str, float] = field(default_factory=dict)  # stage name -> wall time

    @property
    def flags(self) -> tuple[Flag, ...]:
        return self.measurement.flags if self.measurement else ()

    @property
    def reaches_cutoff(self) -> bool | None:
        """Whether the index is at or above the user's cut-off; ``None`` without either."""
        return self.cutoff.reached_by(self.measurement.hri) if self.cutoff and self.measurement else None
