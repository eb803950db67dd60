"""Names of ultrasound views and of reference methods, as cohorts, models and results use them."""

from __future__ import annotations

from enum import Enum


class View(str, Enum):  # noqa: UP042 as every enumeration of the library
    """Standard view of the liver that an image or clip shows."""

    LIVER = "liver"  # right intercostal, liver alone (Kim et al. 2021)
    KIDNEY_LIVER = "kidney-liver"  # right intercostal, liver and right renal cortex (Kim et al. 2021)
    HEPATIC_VEINS = "hepatic-veins"  # hepatic veins at the confluence with the IVC (Byra et al. 2021)
    RIGHT_PORTAL_VEIN = "right-portal-vein"  # Byra et al. 2021
    RIGHT_POSTERIOR_PORTAL_VEIN = "right-posterior-portal-vein"  # transverse (Byra et al. 2021)
    LIVER_KIDNEY = "liver-kidney"  # sagittal, liver and right kidney (Byra et al. 2021)
    AR = "ar"  # oblique subcostal, for the attenuation (Colantonio et al. 2021)
    HR = "hr"  # hepatorenal (Colantonio et al. 2021)

    @property
    def shows_kidney(self) -> bool:
        """Whether liver and right kidney are both in the view."""
        return self in (View.KIDNEY_LIVER, View.LIVER_KIDNEY, View.HR)


class ReferenceKind(str, Enum):  # noqa: UP042 as every enumeration of the library
    """How the fat percentage was measured. The numbers of different methods are not interchangeable."""

    MRI_PDFF = "MRI-PDFF"  # proton density fat fraction, percent
    H_MRS = "H-MRS"  # proton MR spectroscopy, fat / (fat + water) signal, percent
    BIOPSY = "biopsy"  # percent of hepatocytes with fat
    NOT_STATED = "not stated"

    @property
    def unit(self) -> str:
        """What one percent of it is a percent of."""
        return {
            ReferenceKind.MRI_PDFF: "% proton density fat fraction (MRI-PDFF)",
            ReferenceKind.H_MRS: "% fat by H-MRS",
            ReferenceKind.BIOPSY: "% of hepatocytes with fat (biopsy)",
            ReferenceKind.NOT_STATED: "% fat, reference method not stated",
        }[self]
