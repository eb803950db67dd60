"""Doubts about an estimate: short names for tables and programs, sentences for people."""

from __future__ import annotations

import re
from collections.abc import Iterable

from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.measurement.flags import FLAG_MEANINGS

from ..bundles.loading import LoadedModel
from ..cohort.cohort import Subject
from ..cohort.vocabulary import View
from ..evaluation.images import first_digest
from ..recipes.base import Prediction
from .domain import ModelDomain

TRAINING_IMAGE = "training_image"
SIMULATED_TRAINING = "simulated_training"
OUTSIDE = "outside_"  # and a code of ``uncertainty.outside``
_SENTENCES = {
    TRAINING_IMAGE: "The model was trained on an image of this subject: the estimate is not that of a new subject.",
    SIMULATED_TRAINING: "The model was trained on simulated images: this is no estimate of a patient's fat.",
    "random_backbone": "The network under the model has random weights; its estimates are for trials of the software.",
    "no_classifier": "The model was trained on subjects of one side of the threshold and has no classifier.",
    "missing_views": "Views that the model can use are missing; the estimate rests on the others.",
    "views_not_used": "Other views of the subject were not used.",
    "frames_refused": "Some frames could not be measured.",
    "frames_disagree": "The frames of the subject disagree; look at their estimates.",
    "sign_not_measured": "A sign could not be measured; the estimate rests on the others.",
    "constant_fat_percent": "The percentage of at least one view rests on no feature: it is the same for every image.",
    "constant_p_fatty_5": "The probability of at least 5% of at least one view is the same for every image.",
    "constant_p_fatty_10": "The probability of at least 10% of at least one view is the same for every image.",
}
_STAND_IN = re.compile(r"(?P<own>[a-z-]+)_as_(?P<wanted>[a-z-]+)")


def doubts_of(
    model: LoadedModel, domain: ModelDomain, subject: Subject, prediction: Prediction
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``(flags, sentences)``: of the recipe, of images that were trained on, of images unlike those."""
    used = tuple(dict.fromkeys(view.view for view in prediction.views)) or subject.views
    flags = list(prediction.flags)
    if model.card.trained_on.simulated:
        flags.append(SIMULATED_TRAINING)
    sentences = [sentence for flag in flags if (sentence := sentence_of(flag))]
    if _was_trained_on(model, subject, used):
        flags.append(TRAINING_IMAGE)
        sentences.append(_SENTENCES[TRAINING_IMAGE])
    for view, warning in domain.check(subject, used):
        flags.append(OUTSIDE + warning.code)
        sentences.append(f"{view.value}: {warning.sentence}" if len(used) > 1 else warning.sentence)
    return tuple(dict.fromkeys(flags)), tuple(dict.fromkeys(sentences))


def sentence_of(flag: str) -> str:
    """What a flag of a recipe or of the measurement behind it means, ``""`` for one that is not known here."""
    stand_in = _STAND_IN.fullmatch(flag)
    if stand_in:
        return f"The view {stand_in['own']} stands in for {stand_in['wanted']}, on which the method was published."
    if flag in FLAG_MEANINGS:
        return f"Measurement: {FLAG_MEANINGS[flag]}."
    return _SENTENCES.get(flag, "")


def _was_trained_on(model: LoadedModel, subject: Subject, used: Iterable[View]) -> bool:
    if not model.training_images:
        return False
    try:
        return any(first_digest(image) in model.training_images for image in subject.of_view(*used))
    except InputError:  # a file that the model did without
        return False
