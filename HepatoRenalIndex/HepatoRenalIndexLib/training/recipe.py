"""The recipe by which the shipped weights were made; the bundle's ``train.json`` and the command line run it.

1. ``pretrain`` on simulated frames of all probe shapes (no patient data, so one result serves every fold).
2. ``fit`` on real outlines, simulated frames and frames without organs: five times without the patients of one fold,
   for cross-validation, and once on all patients, for use.
3. ``install`` the six weights into the bundle and ``evaluate`` each patient with the weights that never saw it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ..geometry.scan import ProbeShape
from ..inference.bundle import default_bundle, fold_of_patient, load_fold_segmenter, load_segmenter
from ..measurement.organs import Segmenter
from .dataset import Outlined, read_classes, read_outlined, to_canvas
from .evaluate import Agreement, agreement, summarize
from .export import install_weights, read_metadata, write_json
from .folds import stratified_folds
from .sources import negative_sources, simulated_canvases
from .trainer import Source, TrainSettings, train

FOLDS = 5
FOLD_SEED = 2018
PRETRAINING = TrainSettings(cycles=(700,), learning_rate=3e-3)
FITTING = TrainSettings(cycles=(500, 500), learning_rate=1.5e-3)
SIMULATION_SEED = 1
HELD_OUT_SEED = 987_654  # simulated frames for evaluation, never trained on


def write_folds(data: Path, bundle: Path | None = None) -> list[list[int]]:
    """Draw the cross-validation folds and store them in the bundle's ``configs/folds.json``."""
    bundle = bundle or default_bundle()
    folds = stratified_folds(read_classes(data), FOLDS, FOLD_SEED)
    write_json(
        bundle / "configs" / "folds.json", {"seed": FOLD_SEED, "stratified_by": "steatosis_class", "folds": folds}
    )
    return folds


def pretrain(
    work: str | Path,
    simulated: int = 1000,
    settings: TrainSettings = PRETRAINING,
    *,
    device: str = "cpu",
    processes: int = 2,
    threads: int | None = None,
    max_minutes: float | None = None,
) -> Path:
    """Train on simulated frames; returns the path of the weights, ``work/pretrained/weights.safetensors``."""
    _threads(threads)
    work = Path(work)
    canvases = simulated_canvases(simulated, SIMULATION_SEED, processes, work / "simulated.npz")
    sources = [Source("simulated", canvases, 0.9), *negative_sources(canvases[:200], settings.seed)]
    return train(settings, sources, work / "pretrained", device=device, max_minutes=max_minutes)


def fit(
    data: str | Path,
    work: str | Path,
    fold: int | None = None,
    simulated: int = 1000,
    settings: TrainSettings = FITTING,
    *,
    bundle: str | Path | None = None,
    device: str = "cpu",
    processes: int = 2,
    threads: int | None = None,
    max_minutes: float | None = None,
) -> Path:
    """Train on the real outlines without the patients of ``fold`` (``None``: on all), starting from ``pretrain``.

    Returns the path of the weights in ``work``. Nothing is selected on the held-out patients: the length is fixed and
    the weights are the moving average at its end.
    """
    _threads(threads)
    data, work = Path(data), Path(work)
    bundle = default_bundle() if bundle is None else Path(bundle)
    patients = sorted(read_classes(data))
    if fold is not None:
        patients = [patient for patient in patients if fold_of_patient(patient, bundle) != fold]
    real = [to_canvas(case) for case in read_outlined(data, patients, other_frames=True)]
    sources = [Source("real", real, 0.64), *negative_sources(real, settings.seed)]
    if simulated:
        canvases = simulated_canvases(simulated, SIMULATION_SEED, processes, work / "simulated.npz")
        sources.append(Source("simulated", canvases, 0.20))
    initial = work / "pretrained" / "weights.safetensors"
    name = "final" if fold is None else f"fold{fold}"
    return train(
        settings,
        sources,
        work / name,
        device=device,
        initial=initial if initial.is_file() else None,
        max_minutes=max_minutes,
    )


def install(work: str | Path, bundle: str | Path | None = None) -> None:
    """Put the final and the fold weights of ``work`` into the bundle."""
    work = Path(work)
    bundle = default_bundle() if bundle is None else Path(bundle)
    folds = [work / f"fold{fold}" / "weights.safetensors" for fold in range(FOLDS)]
    install_weights(bundle, work / "final" / "weights.safetensors", folds)


def cross_validate(data: str | Path, bundle: str | Path | None = None, device: str = "cpu") -> list[Agreement]:
    """Jaccard indices of every outlined patient by the weights that never saw the patient."""
    segmenters: dict[int, Segmenter] = {}
    results = []
    for case in read_outlined(Path(data)):
        fold = fold_of_patient(case.patient, bundle)
        if fold not in segmenters:
            segmenters[fold] = load_fold_segmenter(fold, bundle, device)
        results.append(agreement(segmenters[fold], case))
    return results


def held_out_phantoms(count: int = 60) -> list[Outlined]:
    """Simulated liver/kidney frames that no training used, the three probe shapes in turn."""

    from ..simulation.parameters import Content
    from ..simulation.training import simulate_for_training

    cases = []
    for index in range(count):
        shape = (ProbeShape.SECTOR, ProbeShape.CURVED, ProbeShape.LINEAR)[index % 3]
        generator = np.random.default_rng([HELD_OUT_SEED, index])
        pixels, labels, geometry = simulate_for_training(generator, Content.LIVER_KIDNEY, shape)
        cases.append(Outlined(f"{shape.value} {index}", pixels, labels, geometry))
    return cases


def evaluate(
    data: str | Path, bundle: str | Path | None = None, phantoms: int = 60, device: str = "cpu", record: bool = False
) -> dict:
    """Cross-validated figures on real outlines, and figures of the final weights on held-out simulated frames.

    With ``record`` they are written to the bundle's ``metadata.json`` as ``eval_metrics``.
    """
    folder = default_bundle() if bundle is None else Path(bundle)
    real = cross_validate(data, folder, device)
    figures: dict = {"real_cross_validated_by_patient": _figures(real)}
    if phantoms:
        segmenter = load_segmenter(folder, device)
        simulated = [agreement(segmenter, case) for case in held_out_phantoms(phantoms)]
        for shape in (ProbeShape.SECTOR, ProbeShape.CURVED, ProbeShape.LINEAR):
            chosen = [result for result in simulated if result.name.startswith(shape.value)]
            figures[f"simulated_{shape.value}_held_out"] = _figures(chosen)
    if record:
        metadata = read_metadata(folder)
        metadata["eval_metrics"] = figures
        write_json(folder / "configs" / "metadata.json", metadata)
    figures["patients"] = [asdict(result) for result in real]
    return figures


def _figures(results: list[Agreement]) -> dict:
    return {
        f"{organ}_jaccard": {
            key: round(value, 4) for key, value in asdict(summarize([getattr(r, organ) for r in results])).items()
        }
        for organ in ("right_kidney", "liver")
    }


def _threads(count: int | None) -> None:
    if count is not None:
        torch.set_num_threads(count)


def settings_from(base: TrainSettings, changes: dict) -> TrainSettings:
    """``base`` with the values of ``changes`` that are not ``None``; unknown names raise ``TypeError``."""
    values = {**asdict(base), **{key: value for key, value in changes.items() if value is not None}}
    values["cycles"] = tuple(values["cycles"])
    return TrainSettings(**values)


def describe(figures: dict) -> str:
    """The figures as text for a terminal."""
    lines = []
    for name, organs in figures.items():
        if name != "patients":
            for organ, values in organs.items():
                lines.append(
                    f"{name:34s} {organ:21s} {values['mean']:.3f} ({values['low']:.3f} to {values['high']:.3f}), "
                    f"smallest {values['smallest']:.3f}, {values['under_070']:.0%} under 0.70, n = {values['count']}"
                )
    return "\n".join(lines)
