"""Which view a loaded volume shows, by the header of its file and the names that it has."""

from __future__ import annotations

from pathlib import Path

from HepatoRenalIndexLib.imaging.dicom_header import quiet
from HepatoRenalIndexLib.module.header import INSTANCE_ATTRIBUTE
from HepatoRenalIndexLib.module.source import Source

from ..cohort.guessing import guess_view
from ..cohort.vocabulary import View

VIEW_ATTRIBUTE = "SteatosisEstimator.View"
# View Name, Series Description, Protocol Name, Performed Procedure Step Description, Image Comments
TAGS = ("0008,2127", "0008,103E", "0018,1030", "0040,0254", "0020,4000")


def guessView(source: Source, dicomDatabase=None) -> View | None:
    """The view of a volume, ``None`` where nothing tells it. What was found out or chosen before goes first."""
    known = source.keeper.GetAttribute(VIEW_ATTRIBUTE)
    if known in {view.value for view in View}:
        return View(known)
    texts = [*_headerTexts(source, dicomDatabase), source.volume.GetName() or ""]
    if source.isClip:
        texts.append(source.sequence.GetName() or "")
    return guess_view(texts)


def storeView(source: Source, view: View) -> None:
    """Remember the view with the volume: of the header's text, which may name a patient, nothing is kept."""
    source.keeper.SetAttribute(VIEW_ATTRIBUTE, view.value)


def viewOfFile(path: str | Path) -> View | None:
    """The view that a DICOM header, else the name of the file, tells."""
    from pydicom import dcmread

    path = Path(path)
    try:
        with quiet(), path.open("rb") as file:
            tags = [tuple(int(part, 16) for part in tag.split(",")) for tag in TAGS]
            dataset = dcmread(file, stop_before_pixels=True, specific_tags=tags)
            texts = [str(dataset[tag].value) for tag in tags if tag in dataset]
    except Exception:  # no DICOM file, or a damaged one: the name is all there is
        texts = []
    return guess_view([*texts, path.stem])


def _headerTexts(source: Source, dicomDatabase) -> list[str]:
    uid = (source.volume.GetAttribute(INSTANCE_ATTRIBUTE) or "").split(" ")[0]
    if not uid or dicomDatabase is None or not dicomDatabase.isOpen:
        return []
    return [dicomDatabase.instanceValue(uid, tag) for tag in TAGS]
