"""Parameters of ``vgg19-clkl``; the defaults are the paper's where it gives them."""

from __future__ import annotations

from dataclasses import dataclass

from ...cohort.vocabulary import View

# View of each branch; another view of liver and kidney stands in where a subject has none of the paper's name
BRANCH_VIEWS: dict[str, tuple[View, ...]] = {
    "liver": (View.LIVER,),
    "kidney-liver": (View.KIDNEY_LIVER, View.LIVER_KIDNEY, View.HR),
}


@dataclass(frozen=True)
class Variant:
    """What the paper compares: which views, whether the convolutions learn too, whether images are augmented."""

    branches: tuple[str, ...]
    finetuned: bool = False
    augmented: bool = True


VARIANTS: dict[str, Variant] = {
    "combined": Variant(("liver", "kidney-liver")),
    "liver": Variant(("liver",)),
    "kidney-liver": Variant(("kidney-liver",)),
    "combined-no-augmentation": Variant(("liver", "kidney-liver"), augmented=False),
    "combined-finetuned": Variant(("liver", "kidney-liver"), finetuned=True),  # last: days on a CPU
}
CLASSIFICATION, REGRESSION = "classification", "regression"


@dataclass(frozen=True)
class Vgg19Settings:
    """``last_layer``: the paper concatenates the branches "at the last layer of each VGG19". In Keras, which it used,
    the network without its own classifier (``include_top=False``) ends with the last pooling: ``pool5``, 25088 features
    of an image of 224 pixels. ``fc2`` is the other reading, the last of the pretrained layers of 4096.

    ``scaling``: one minimum and maximum of all training images of a view (``global``), or of each pixel over the images
    (``pixel``), as scikit-learn's MinMaxScaler does with columns. ``target_scaled``: the fat fraction is
    scaled to 0..1 by the training subjects before the regression; the paper does not say whether its min-max scaling
    covers it, and so the learning rate means the same whatever the range of the reference.
    """

    image_size: int = 224
    blacken_outside: bool = True  # what the scanner wrote beside the scan, inside the crop
    scaling: str = "global"
    rotation_step: int = 15  # degrees
    rotation_last: int = 180
    flips: bool = True  # every rotated image also mirrored in x and in y
    last_layer: str = "pool5"
    hidden_nodes: int = 10
    threshold_percent: int = 5  # fatty from this on
    learning_rate: float = 1e-4
    momentum: float = 0.9  # Nesterov's
    batch_size: int = 64
    epochs_classification: int = 1000
    epochs_regression: int = 500
    target_scaled: bool = True
    folds: int = 5
    frames_trained: int = 1  # of each view of a subject; the paper has one image
    frames_estimated: int = 5  # of a clip or of several images, whose mean is the estimate
    checkpoint_every: int = 100  # epochs of a head; with fine-tuning every epoch is kept

    def __post_init__(self):
        least = (self.hidden_nodes, self.batch_size, self.epochs_classification, self.epochs_regression)
        if min(*least, self.frames_trained, self.frames_estimated, self.checkpoint_every) < 1:
            raise ValueError("nodes, batch, epochs and frames must be at least 1")
        if not 32 <= self.image_size <= 1024:
            raise ValueError("image_size must be from 32 to 1024")
        if self.scaling not in ("global", "pixel") or self.last_layer not in ("pool5", "fc2"):
            raise ValueError("scaling is global or pixel, last_layer pool5 or fc2")
        if self.rotation_step < 1 or not 0 <= self.rotation_last < 360:
            raise ValueError("rotation_step must be at least 1 and rotation_last from 0 to 359 degrees")
        if self.threshold_percent not in (5, 10):
            raise ValueError("threshold_percent must be 5 or 10")
        if not (0 < self.learning_rate < 10 and 0 <= self.momentum < 1):
            raise ValueError("learning_rate must be above 0 and momentum from 0 to below 1")
        if self.folds < 2:
            raise ValueError("folds must be at least 2")
