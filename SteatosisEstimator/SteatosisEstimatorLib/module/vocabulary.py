"""Views in the words of the module: their parameters, what the user reads, and which of them a model can use."""

from __future__ import annotations

from slicer.i18n import tr as _

from ..bundles.card import ModelCard
from ..cohort.vocabulary import View
from ..explanation.maps import METHODS

NO_EXPLANATION = "none"
EXPLANATIONS = (*METHODS, NO_EXPLANATION)

# View -> name of its parameter; the controls of the panel are called after it (liverKidneySelector ...)
PARAMETER_OF_VIEW = {
    View.LIVER_KIDNEY: "liverKidney",
    View.KIDNEY_LIVER: "kidneyLiver",
    View.HR: "hr",
    View.LIVER: "liver",
    View.AR: "ar",
    View.HEPATIC_VEINS: "hepaticVeins",
    View.RIGHT_PORTAL_VEIN: "rightPortalVein",
    View.RIGHT_POSTERIOR_PORTAL_VEIN: "rightPosteriorPortalVein",
}


def viewName(view: View) -> str:
    """What the user reads."""
    return {
        View.LIVER_KIDNEY: _("Liver and kidney (sagittal)"),
        View.KIDNEY_LIVER: _("Kidney and liver (intercostal)"),
        View.HR: _("Hepatorenal (HR)"),
        View.LIVER: _("Liver (intercostal)"),
        View.AR: _("Attenuation (AR, subcostal)"),
        View.HEPATIC_VEINS: _("Hepatic veins"),
        View.RIGHT_PORTAL_VEIN: _("Right portal vein"),
        View.RIGHT_POSTERIOR_PORTAL_VEIN: _("Right posterior portal vein"),
    }[view]


def measurementName(name: str) -> str:
    """What the user reads for a measurement of the default model; the name itself for one that is not known.

    Those whose unit is ``ln`` are shown as the ratio.
    """
    return {
        "log_hri": _("Hepatorenal index"),
        "log_hri_published": _("Hepatorenal index at equal depth"),
        "organ_ratio": _("Liver / kidney"),
        "organ_contrast": _("Liver - kidney"),
        "window_ratio": _("Liver / kidney in regions"),
        "depth_matched_ratio": _("Liver / kidney at equal depth"),
        "liver_over_scan": _("Liver / rest of the image"),
        "attenuation_slope": _("Loss of brightness with depth"),
        "attenuation_slope_speckle": _("Loss of brightness with depth, by speckle"),
        "deep_ratio": _("Deep half / liver"),
        "deep_contrast": _("Deep half - liver"),
        "border_ratio": _("Deep border / liver"),
        "border_contrast": _("Deep border - liver"),
        "brightest_border_ratio": _("Brightest deep border / liver"),
        "brightest_border_contrast": _("Brightest deep border - liver"),
        "wall_skewness": _("Vessel walls, skewness"),
        "wall_height": _("Vessel walls, height"),
        "speckle_ratio": _("Liver / speckle"),
    }.get(name, name.replace("_", " "))


def usableViews(card: ModelCard) -> tuple[View, ...]:
    """The views that a model can take; views of liver and kidney stand in for each other in every recipe."""
    wanted = set(card.views)
    if any(view.shows_kidney for view in wanted):
        wanted |= {view for view in View if view.shows_kidney}
    return tuple(view for view in PARAMETER_OF_VIEW if view in wanted)
