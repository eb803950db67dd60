"""All answers as one CSV table, in the columns that ``liver-ultrasound agreement`` reads."""

from __future__ import annotations

import os
from pathlib import Path

from ..agreement.tables import csv_text
from ..files.writing import write_text
from ..imaging.image import InputError
from .collect import StudyAnswers
from .definition import ReaderStudy

COLUMNS = (
    *("image", "patient", "reader", "session", "status", "liver_x", "liver_y", "kidney_x", "kidney_y", "roi_px"),
    *("liver_mean", "kidney_mean", "hri", "time", "reason"),
)
FILE_COLUMNS = ("file", "frame")


def export_answers(
    study: ReaderStudy, answers: StudyAnswers, path: str | os.PathLike, *, with_files: bool = False
) -> int:
    """Write every answer, skip and exclusion as one row; returns the number of answers.

    ``status`` is ``ok``, ``skipped`` or ``excluded``; only ``ok`` has figures. ``with_files`` adds the relative path of
    every image, which may name patients.
    """
    images = {image.id: image for image in study.images}
    rows = []
    for answer in answers.table.answers:
        row = {"image": answer.image, "reader": answer.reader, "session": answer.session, "status": "ok"}
        row |= {"liver_mean": answer.liver, "kidney_mean": answer.kidney, "hri": answer.hri}
        row["time"] = answers.times.get((answer.image, answer.reader, answer.session), "")
        aspect = images[answer.image].calibration.aspect
        for organ, box in (("liver", answer.liver_box), ("kidney", answer.kidney_box)):
            row |= {f"{organ}_x": int(box.x), f"{organ}_y": round(box.y / aspect), "roi_px": int(box.width)}
        rows.append(row)
    for skip in answers.skipped:
        row = {"image": skip.image, "reader": skip.reader, "session": skip.session, "status": "skipped"}
        rows.append(row | {"time": skip.time, "reason": skip.reason})
    for exclusion in answers.table.exclusions:
        rows.append(exclusion.row() | {"status": "excluded"})
    rows.sort(key=lambda row: (str(row["reader"]), str(row["session"]), str(row["image"])))
    for row in rows:
        image = images.get(str(row["image"]))
        row["patient"] = image.patient if image else ""
        row |= {"file": image.path, "frame": image.frame} if image and with_files else {}
    columns = (*COLUMNS[:2], *FILE_COLUMNS, *COLUMNS[2:]) if with_files else COLUMNS
    path = Path(path)
    try:
        write_text(path, csv_text(columns, rows))
    except OSError as error:
        raise InputError(f"{path.name} cannot be written; check the folder and your permission.") from error
    return len(answers.table.answers)
