"""The simulated subject that comes with the module, offered in the Sample Data module.

Imported while the application starts, so nothing heavy is imported here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

SAMPLE_FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"
ICON_FOLDER = SAMPLE_FOLDER.parent / "Icons"
CATEGORY = "LiverUltrasound"


@dataclass(frozen=True)
class SampleImage:
    """One shipped image or clip of a view."""

    view: str
    fileName: str
    nodeName: str
    sha256: str


# Simulated subject with 21.5 % fat on a sector probe; the node's names tell the views
SAMPLES = {
    "fatty": (
        SampleImage(
            "liver-kidney",
            "fatty-liver-kidney.dcm",
            "Fatty liver-kidney",
            "928a5105f1a7de03a2ebf9200b99c02e9b5db10aac07e1422c20b368d692fed9",
        ),
        SampleImage(
            "hr", "fatty-hr.dcm", "Fatty HR clip", "c37813361fce4ee9f591ac2e4fed001e753fa7881316868ff3caa02b81e3d326"
        ),
    ),
}


def sampleTitles() -> dict[str, str]:
    """Name of each sample -> what the Sample Data module calls it."""
    return {"fatty": _("Fatty liver, two views")}


def sampleFiles(name: str):
    """``(view, path, node name)`` of a shipped subject, after the checksums were found right."""
    from HepatoRenalIndexLib.imaging.image import InputError

    from ..cohort.vocabulary import View

    if name not in SAMPLES:
        raise InputError(_("There is no such sample; there are {names}.").format(names=", ".join(SAMPLES)))
    for image in SAMPLES[name]:
        path = SAMPLE_FOLDER / image.fileName
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != image.sha256:
            raise InputError(_("The sample data is missing or damaged; install the extension again."))
        yield View(image.view), path, image.nodeName


def registerSampleData() -> None:
    """Offer the shipped subject in the Sample Data module; it is loaded by the reader of ultrasound files."""
    import SampleData

    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):
        logic.registerCustomSampleDataCategory(CATEGORY, title=_("Liver Ultrasound"))
    titles = sampleTitles()
    for name, images in SAMPLES.items():
        thumbnail = ICON_FOLDER / f"Sample_{name}.png"
        logic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=titles[name],
            uris=[(SAMPLE_FOLDER / image.fileName).as_uri() for image in images],
            fileNames=[f"SteatosisEstimator-{image.fileName}" for image in images],  # in the cache of all modules
            nodeNames=[image.nodeName for image in images],
            checksums=[f"SHA256:{image.sha256}" for image in images],
            loadFileTypes=["LiverUltrasoundFile"] * len(images),
            thumbnailFileName=str(thumbnail) if thumbnail.is_file() else None,
        )
