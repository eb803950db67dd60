"""Parameters of ``cnn5-clip``; the defaults are the paper's (sections 2.1 to 2.3) where it gives them."""

from __future__ import annotations

from dataclasses import dataclass

from ...cohort.vocabulary import View
from ...uncertainty.grades import PUBLISHED_CUTOFFS

# View of each branch; another view of liver and kidney stands in where a subject has no HR
BRANCH_VIEWS: dict[str, tuple[View, ...]] = {
    "ar": (View.AR,),
    "hr": (View.HR, View.LIVER_KIDNEY, View.KIDNEY_LIVER),
}
VARIANTS: dict[str, tuple[str, ...]] = {"ar-hr": ("ar", "hr"), "ar": ("ar",), "hr": ("hr",)}


@dataclass(frozen=True)
class Cnn5Settings:
    """``kernel`` and ``dense_units`` are not in the paper."""

    crop_px: int = 360  # pixels of the source image, centered on the scan
    size: int = 360  # pixels of the network's input; the crop is resized where they differ
    most_frames: int = 224  # of a clip, evenly spaced if it has more
    filters: tuple[int, ...] = (8, 16, 32, 64, 128)
    kernel: int = 3
    dense_units: int = 128
    learning_rate: float = 1e-3  # Adam's default
    batch_size: int = 50
    epochs: int = 30
    patience: int = 5
    inner_folds: int = 4  # the branch with the lowest validation loss is kept
    test_sets: int = 1  # 1: one held-out set as in the paper; more: as many, so that every subject is judged once
    test_share: float = 10 / 150  # of the subjects, with the class distribution of the whole
    grade_limits: tuple[float, ...] = PUBLISHED_CUTOFFS[
        "karlas2014"
    ].percent  # of the classes that folds are balanced by

    def __post_init__(self):
        if min(self.crop_px, self.size, self.most_frames, self.batch_size, self.epochs, self.patience) < 1:
            raise ValueError("sizes, frames, batch, epochs and patience must be at least 1")
        if self.inner_folds < 2 or self.test_sets < 1:
            raise ValueError("inner_folds must be at least 2 and test_sets at least 1")
        if not 0 < self.test_share < 1:
            raise ValueError("test_share must be between 0 and 1")
        if self.size >> len(self.filters) < 1:
            raise ValueError("size is too small for so many poolings")
