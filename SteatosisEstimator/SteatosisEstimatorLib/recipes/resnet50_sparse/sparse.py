"""L1 logistic regression and Lasso on the features of a view, chosen by a grid search in the training subjects."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from .settings import FAT, THRESHOLDS, ResNet50Settings


@dataclass(frozen=True)
class LinearOutput:
    """``coefficients @ features + intercept``, the scaling of the features within them; float64 ``(features,)``.

    For a probability it is the logit. ``chosen`` is the value of the grid that was best, ``score`` its mean over the
    inner folds (ROC AUC, or minus the mean squared error in percent fat squared); NaN without a search.
    """

    coefficients: np.ndarray
    intercept: float
    chosen: float
    score: float

    def linear(self, features: np.ndarray) -> np.ndarray:
        """Of float32 ``(rows, features)`` the logit, or percent fat."""
        return np.asarray(features, dtype=np.float64) @ self.coefficients + self.intercept

    @property
    def used(self) -> int:
        """How many features have a weight; 0 is a constant answer."""
        return int(np.count_nonzero(self.coefficients))


@dataclass(frozen=True)
class ViewRows:
    """The training images of one view: features float32 ``(rows, n)``, the subject of each row as a position in
    ``fat_percent`` ``(subjects,)``, and whether the row is an augmented one.
    """

    features: np.ndarray
    subject: np.ndarray
    augmented: np.ndarray
    fat_percent: np.ndarray


def fit_output(rows: ViewRows, output: str, settings: ResNet50Settings, seed: int) -> LinearOutput | None:
    """Fit one output; ``None`` for a probability when all subjects are on one side of its threshold.

    Every subject weighs the same whatever the number of its rows, times the inverse frequency of its class or, for the
    Lasso, of its bin of the fat fraction. No subject is in two inner folds, and only plain images are judged.
    """
    from sklearn.model_selection import GridSearchCV

    fat = rows.fat_percent
    if output == FAT:
        strata = np.digitize(fat, sorted(THRESHOLDS.values()))
        target, bins = fat, np.floor(fat / settings.fat_bin_percent)
    else:
        target = strata = bins = (fat >= THRESHOLDS[output]).astype(int)
        if np.unique(target).size < 2:
            return None
    weight = balanced_weights(bins)[rows.subject] / np.bincount(rows.subject, minlength=fat.size)[rows.subject]
    model, name, grid, scoring = _model(output, settings, seed)
    splits = inner_splits(rows, strata, settings.inner_folds, seed, classes=output != FAT)
    if not splits:
        grid = grid[len(grid) // 2 :][:1]
    search = GridSearchCV(
        model,
        {f"{name}__{'alpha' if output == FAT else 'C'}": list(grid)},
        scoring=scoring,
        cv=splits or [(np.arange(rows.subject.size),) * 2],
        refit=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values of the grid that do not converge lose by their score
        search.fit(rows.features.astype(np.float64), target[rows.subject], **{f"{name}__sample_weight": weight})
    scaler, linear = search.best_estimator_[0], search.best_estimator_[1]
    coefficients = np.ravel(linear.coef_) / scaler.scale_
    intercept = float(np.ravel(linear.intercept_)[0] - coefficients @ scaler.mean_)
    score = float(search.best_score_) if splits else float("nan")
    return LinearOutput(coefficients, intercept, float(next(iter(search.best_params_.values()))), score)


def balanced_weights(groups: np.ndarray) -> np.ndarray:
    """Inverse to the frequency of each one's group, with mean 1."""
    _, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return groups.size / (counts.size * counts[group])


def inner_splits(rows: ViewRows, strata: np.ndarray, folds: int, seed: int, classes: bool) -> list[tuple]:
    """Rows to train on and plain rows to judge by, for each inner fold; whole subjects, stratified.

    With fewer subjects in a class than folds there are fewer folds, and none with one subject of a class.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    smallest = int(np.unique(strata, return_counts=True)[1].min())
    count = min(folds, smallest if classes else strata.size // 2)
    if count < 2:
        return []
    splitter = StratifiedKFold if smallest >= count else KFold
    splits = []
    for train, test in splitter(count, shuffle=True, random_state=seed).split(strata, strata):
        learned = np.flatnonzero(np.isin(rows.subject, train))
        judged = np.flatnonzero(np.isin(rows.subject, test) & ~rows.augmented)
        splits.append((learned, judged))
    return splits


def _model(output: str, settings: ResNet50Settings, seed: int):
    """``(pipeline, name of its last step, grid, score)``."""
    from sklearn.linear_model import Lasso, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if output == FAT:
        lasso = Lasso(max_iter=settings.most_iterations)
        return make_pipeline(StandardScaler(), lasso), "lasso", settings.lasso_penalty, "neg_mean_squared_error"
    # scikit-learn 1.8 takes the L1 penalty by its share, before by its name
    newer = LogisticRegression().get_params().get("penalty", "deprecated") == "deprecated"
    penalty = {"l1_ratio": 1.0} if newer else {"penalty": "l1"}
    logistic = LogisticRegression(
        **penalty, solver="liblinear", max_iter=settings.most_iterations, intercept_scaling=10.0, random_state=seed
    )
    grid = settings.inverse_regularization
    return make_pipeline(StandardScaler(), logistic), "logisticregression", grid, "roc_auc"
