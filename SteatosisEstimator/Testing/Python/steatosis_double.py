"""The scripted module for the doubles of the application that the other module's tests have (desktop_double)."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(FOLDER.parent / "HepatoRenalIndex" / "Testing" / "Python"))

import slicer_double  # noqa: E402

DEFAULTS = {
    "subject": "",
    "modelName": "",
    "modelFolder": "",
    "allViews": False,
    "clipFrames": 0,
    "explanation": "grad-cam",
    "explainedFrames": 5,
    "showOverlay": True,
    "overlayOpacity": 0.6,
    "device": "cpu",
}
NODES = (
    *("liver", "kidneyLiver", "hepaticVeins", "rightPortalVein", "rightPosteriorPortalVein", "liverKidney", "ar", "hr"),
    *("estimateTable", "viewTable", "frameTable", "contributionTable", "overlay"),
)
MODULE = slicer_double.Module(FOLDER, DEFAULTS, NODES)
slicer_double.install()
