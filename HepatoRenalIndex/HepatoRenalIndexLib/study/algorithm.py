"""The automatic measurement as one more reader of the study, in the same file format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from ..agreement.answers import ALGORITHM
from ..geometry.calibration import LARGEST_MM, SMALLEST_MM
from ..imaging.image import InputError
from ..measurement.hri import roi_size_px
from ..measurement.organs import Segmenter
from ..measurement.registry import DEFAULT_PLACEMENT
from ..measurement.result import ModelIdentity
from ..pipeline.measure import MeasurementSettings, measure_frame
from .definition import ReaderStudy, StudyImage
from .files import MEASURED, begin_folder, header, now_text, one_line, read_session, session_path
from .journal import ANSWER, END, SKIP, JournalWriter, Record, is_begun
from .reading import answer_record, measure_rois, reading_from

Progress = Callable[[float, int, str], None]
NOMINAL_MM = 15.0  # what the ROI of an uncalibrated image is taken for


@dataclass(frozen=True)
class AlgorithmSummary:
    """What the algorithm did in this call and before. ``skipped`` images could not be measured."""

    answered: int
    skipped: int
    resumed: int


def read_by_algorithm(
    study: ReaderStudy,
    segmenter_for: Callable[[StudyImage], Segmenter],
    model: ModelIdentity,
    *,
    placement: str = DEFAULT_PLACEMENT,
    session: int = 1,
    progress: Progress | None = None,
) -> AlgorithmSummary:
    """Measure every image of the study with ROIs of the study's size; goes on where it was stopped.

    ``segmenter_for`` gives the network of an image, so that a cross-validated one can be taken; ``model`` is what the
    file says of it. Images that cannot be measured are skips with the reason. Raises :class:`InputError` if the session
    holds answers of another model or placement.
    """
    MeasurementSettings(placement=placement)  # refuses an unknown placement
    identity = {"model": _named(model), "placement": placement}
    path = session_path(study, ALGORITHM, session)
    known: dict[str, Record] = {}
    if is_begun(path):
        journal = read_session(study, path).journal
        if {key: journal.header.get(key) for key in identity} != identity:
            raise InputError(
                f"Session {session} of the algorithm holds answers of another model or placement; choose another "
                "session number."
            )
        known = {image: r for image, r in journal.last_word.items() if image not in journal.distrusted}
        writer = JournalWriter.resume(path, journal)
        ended = any(record["type"] == END for record in journal.records)
    else:
        begin_folder(study)
        writer, ended = JournalWriter.create(path), False
        writer.append(header(study, ALGORITHM, session, MEASURED, **identity), 0)
    resumed = len(known)
    for done, image in enumerate(study.images):
        if progress is not None:
            progress(done, len(study.images), f"image {image.id}")
        if image.id not in known:
            content = _measured(study, image, segmenter_for, placement)
            known[image.id] = writer.append({**content, "revises": None, "time": now_text()}, len(known) + 1)
    if not ended:
        writer.append({"type": END, "time": now_text()}, len(known))
    if progress is not None:
        progress(len(study.images), len(study.images), "")
    answered = sum(record["type"] == ANSWER for record in known.values())
    return AlgorithmSummary(answered, len(known) - answered, resumed)


def _measured(
    study: ReaderStudy, image: StudyImage, segmenter_for: Callable[[StudyImage], Segmenter], placement: str
) -> Record:
    """The answer to one image, or the skip that says why there is none."""
    try:
        source = study.load(image)
        result = measure_frame(source, segmenter_for(image), _settings(study, image, placement))
        if result.placement is None or result.measurement is None:
            raise InputError(result.message)
        # Where pixels are not square and the study's ROIs are, the placed ROIs have another height.
        rois = (image.roi_at(*placed.roi.center) for placed in (result.placement.liver, result.placement.kidney))
        return answer_record(reading_from(image.id, measure_rois(source, image, *rois)), image)
    except InputError as error:
        return {"type": SKIP, "image": image.id, "pixels": image.sha256, "reason": one_line(str(error))}


def _settings(study: ReaderStudy, image: StudyImage, placement: str) -> MeasurementSettings:
    """Settings under which the ROIs are placed in the size that the study gave them in this image."""
    calibration = image.calibration
    if calibration.calibrated:
        spacing = calibration.x_mm, calibration.y_mm
        roi_mm = study.roi_mm if study.roi_mm is not None else study.roi_px * calibration.x_mm
        return MeasurementSettings(placement, roi_mm, spacing)
    # No pixel size is known: take the one with which the usual share of the image's height is 15 mm.
    side, _ = roi_size_px(calibration, image.geometry(), NOMINAL_MM)
    nominal = min(max(NOMINAL_MM / side, SMALLEST_MM), LARGEST_MM)
    return MeasurementSettings(placement, study.roi_px * nominal, nominal)


def _named(model: ModelIdentity) -> dict[str, str]:
    """The model as the file names it, without the device it ran on."""
    return {key: value for key, value in asdict(model).items() if key != "device"}
