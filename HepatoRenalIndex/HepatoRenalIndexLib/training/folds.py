"""Cross-validation folds by patient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def stratified_folds(classes: Mapping[int, int], count: int = 5, seed: int = 0) -> list[list[int]]:
    """Split patients into ``count`` folds with the same share of each class, as far as whole patients allow.

    Args:
        classes: class of each patient, for example 0 normal and 1 fatty.
        count: number of folds, at least 2 and at most the number of patients.
        seed: the same seed gives the same folds.

    Every patient is in exactly one fold, with all frames.
    """
    if not 2 <= count <= len(classes):
        raise ValueError(f"{len(classes)} patients cannot be split into {count} folds")
    generator = np.random.default_rng(seed)
    dealt: list[int] = []
    for label in sorted(set(classes.values())):
        members = sorted(patient for patient, own in classes.items() if own == label)
        dealt += [members[index] for index in generator.permutation(len(members))]
    return [sorted(dealt[fold::count]) for fold in range(count)]
