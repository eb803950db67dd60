"""Parameters of ``resnet50-sparse``; the defaults are the paper's where it gives them."""

from __future__ import annotations

from dataclasses import dataclass

from ...cohort.vocabulary import View

# The paper's views; another view of liver and kidney stands in for the last
PAPER_VIEWS: dict[View, tuple[View, ...]] = {
    View.HEPATIC_VEINS: (View.HEPATIC_VEINS,),
    View.RIGHT_PORTAL_VEIN: (View.RIGHT_PORTAL_VEIN,),
    View.RIGHT_POSTERIOR_PORTAL_VEIN: (View.RIGHT_POSTERIOR_PORTAL_VEIN,),
    View.LIVER_KIDNEY: (View.LIVER_KIDNEY, View.KIDNEY_LIVER, View.HR),
}
MULTI_VIEW = "multi-view"
VARIANTS: dict[str, tuple[View, ...]] = {
    MULTI_VIEW: tuple(PAPER_VIEWS),
    **{view.value: (view,) for view in PAPER_VIEWS},
}
FAT, FATTY_5, FATTY_10 = "fat_percent", "p_fatty_5", "p_fatty_10"
THRESHOLDS = {FATTY_5: 5.0, FATTY_10: 10.0}
OUTPUTS = (FATTY_5, FATTY_10, FAT)


@dataclass(frozen=True)
class ResNet50Settings:
    """The paper says neither how many shifts there are up to 20 pixels, nor the grids, nor the width of the bins in
    which it counts how frequent a PDFF is.
    """

    image_size: int = 224
    blacken_outside: bool = True  # annotations beside the scan, inside the crop
    shifts_px: tuple[int, ...] = (0, -20, -10, 10, 20)  # lateral, in pixels of the source image, before the crop
    reflected: bool = True  # and each shifted image mirrored left to right
    inverse_regularization: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # C of the logistic regressions
    lasso_penalty: tuple[float, ...] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # alpha of the Lasso, percent fat
    fat_bin_percent: float = 5.0  # of the frequencies of the fat fraction
    inner_folds: int = 4
    most_iterations: int = 10000
    frames_trained: int = 1  # of each view of a subject; the paper has one image
    frames_estimated: int = 5  # of a clip or of several images, whose mean is the estimate

    def __post_init__(self):
        if not 32 <= self.image_size <= 1024:
            raise ValueError("image_size must be from 32 to 1024")
        if min(self.frames_trained, self.frames_estimated, self.most_iterations) < 1:
            raise ValueError("frames and iterations must be at least 1")
        if self.inner_folds < 2:
            raise ValueError("inner_folds must be at least 2")
        grids = (*self.inverse_regularization, *self.lasso_penalty, self.fat_bin_percent)
        if not (self.inverse_regularization and self.lasso_penalty) or min(grids) <= 0:
            raise ValueError("the grids must have values, all above 0, and fat_bin_percent must be above 0")
        if not self.shifts_px or self.shifts_px[0] != 0:
            raise ValueError("shifts_px must begin with 0, the image as it is")
