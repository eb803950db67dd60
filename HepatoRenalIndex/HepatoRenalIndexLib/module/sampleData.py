"""The simulated cases that come with the module, offered in the Sample Data module.

Imported while the application starts, so nothing heavy is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

SAMPLE_FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"
ICON_FOLDER = SAMPLE_FOLDER.parent / "Icons"
CATEGORY = "LiverUltrasound"


@dataclass(frozen=True)
class Sample:
    """One shipped file. ``truth`` is the HRI with which it was simulated, None where there is none."""

    fileName: str
    nodeName: str
    sha256: str
    truth: float | None = None


SAMPLES = {
    "sector": Sample(
        "sector.dcm",
        "HRI sample sector",
        "3310f1913b4dbc23024dc39451713c4dc82a0d771c7cca1e0a86274d876a4ec4",
        1.3671,
    ),
    "curved": Sample(
        "curved.dcm",
        "HRI sample curved",
        "6e7381025ddb07d0a3e5eafb2d40b245160b03007f6698571db03154a7ac26e4",
        1.1606,
    ),
    "clip": Sample(
        "clip.dcm",
        "HRI sample clip",
        "44b69b7a4ea43e09d477e4ed881c400e744a0fe54b989ae42bbcb4d713e052cf",
    ),
    "no_kidney": Sample(
        "no_kidney.dcm",
        "HRI sample no kidney",
        "f1b6c6b2e10c93a816636a8e99460a1a8636e73667feb1841edb0ca008581f96",
    ),
}


def sampleTitles() -> dict[str, str]:
    """Name of each sample -> what the Sample Data module calls it."""
    return {
        "sector": _("HRI sector probe"),
        "curved": _("HRI curved probe"),
        "clip": _("HRI clip"),
        "no_kidney": _("HRI without kidney"),
    }


def registerSampleData() -> None:
    """Offer the shipped cases in the Sample Data module.

    They are loaded by the module's own reader, with the ultrasound regions that the application's would drop.
    """
    import SampleData

    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):
        logic.registerCustomSampleDataCategory(CATEGORY, title=_("Liver Ultrasound"))
    titles = sampleTitles()
    for name, sample in SAMPLES.items():
        thumbnail = ICON_FOLDER / f"Sample_{name}.png"
        logic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=titles[name],
            uris=(SAMPLE_FOLDER / sample.fileName).as_uri(),
            fileNames=f"HepatoRenalIndex-{sample.fileName}",  # in the cache that all modules share
            nodeNames=sample.nodeName,
            checksums=f"SHA256:{sample.sha256}",
            loadFileTypes="LiverUltrasoundFile",
            thumbnailFileName=str(thumbnail) if thumbnail.is_file() else None,
        )
