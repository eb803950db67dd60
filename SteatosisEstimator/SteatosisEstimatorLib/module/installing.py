"""Python packages that the models need, installed as those of the other module are."""

from __future__ import annotations

from pathlib import Path

from HepatoRenalIndexLib.module.installing import Installer
from slicer.i18n import tr as _

from .models import ChosenModel

# Its own name: the extension installs the resources of all modules into one folder.
REQUIREMENTS = Path(__file__).resolve().parents[2] / "Resources" / "SteatosisEstimator-requirements.txt"
_ALWAYS = ("torch", "monai", "safetensors")  # the organs are outlined by a network
_PRETRAINED = "torchvision"  # comes with PyTorch


def installerFor(model: ChosenModel) -> Installer:
    """Sees to it that a model can estimate."""
    packages = list(_ALWAYS)
    if model.card is not None and model.card.backbone:
        packages.append(_PRETRAINED)
    return Installer(packages, REQUIREMENTS, _("Liver Fat Estimator"), _("or use the command line"))
