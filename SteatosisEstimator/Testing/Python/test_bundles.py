"""Models as MONAI bundles: written whole, loaded without trusting them."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import brightness_recipe
import pytest
from drawn_cohort import write_drawn_cohort
from HepatoRenalIndexLib.imaging.image import InputError
from SteatosisEstimatorLib.bundles import loading
from SteatosisEstimatorLib.bundles.card import ModelCard
from SteatosisEstimatorLib.bundles.card_text import card_markdown, warnings_of
from SteatosisEstimatorLib.bundles.loading import BundleError, available_models, find_bundle, load_model, read_card
from SteatosisEstimatorLib.bundles.writing import check_output, write_json
from SteatosisEstimatorLib.cohort.vocabulary import ReferenceKind
from SteatosisEstimatorLib.estimation import runs

brightness_recipe.install()


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_drawn_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def trained(cohort, tmp_path_factory):
    """A trained bundle that no test changes."""
    return runs.train("brightness", cohort, tmp_path_factory.mktemp("bundles") / "Brightness").bundle


@pytest.fixture
def bundle(trained, tmp_path):
    """A copy of it to be spoiled."""
    return Path(shutil.copytree(trained, tmp_path / "Brightness"))


def load(bundle):
    return load_model(bundle)


def edit(path: Path, change) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    write_json(path, content)


def test_a_bundle_has_what_the_specification_of_monai_asks_for(trained):
    names = {path.relative_to(trained).as_posix() for path in trained.rglob("*") if path.is_file()}
    assert {f"configs/{name}.json" for name in ("metadata", "train", "evaluate", "inference")} <= names
    assert {"docs/README.md", "models/model.safetensors"} <= names
    metadata = json.loads((trained / "configs" / "metadata.json").read_text(encoding="utf-8"))
    wanted = ("version", "monai_version", "pytorch_version", "numpy_version", "task", "authors", "copyright")
    assert all(key in metadata for key in (*wanted, "network_data_format", "changelog", "schema"))
    assert sorted(metadata["network_data_format"]["inputs"]) == ["kidney_liver", "liver"]
    assert (trained / "models" / "model.safetensors").stat().st_mode & 0o444 == 0o444


def test_a_loaded_model_is_the_one_that_was_written(trained):
    model = load(trained)
    assert model.card.variant == "both" and model.card.trained_on.subjects == 12
    assert model.card.trained_on.scanners == {"A": 6, "B": 6} and model.card.trained_on.fatty == 8
    assert model.fitted.weights.shape == (3,) and len(model.sha256) == 64
    assert len(model.training_images) == 24
    values = model.card.to_values()  # cards with undefined figures are not equal to themselves, their values are
    assert ModelCard.from_values(values).to_values() == values
    assert load(trained).sha256 == model.sha256


def test_the_card_says_what_people_must_know_and_names_nobody(trained):
    text = (trained / "docs" / "README.md").read_text(encoding="utf-8")
    for words in ("12 subjects", "auc_5", "MRI-PDFF", "A (6), B (6)", "Out of fold", "research use only"):
        assert words in text
    everything = text + "".join(path.read_text(encoding="utf-8") for path in trained.glob("configs/*.json"))
    assert "s00" not in everything and str(trained.parent) not in everything and "liver.png" not in everything


def test_a_card_of_a_biopsy_model_says_that_it_is_no_pdff(trained):
    card = replace(read_card(trained), reference=ReferenceKind.BIOPSY)
    assert any("not a proton density fat" in sentence for sentence in warnings_of(card))
    assert "biopsy (not PDFF)" in card_markdown(card)
    simulated = replace(card, trained_on=replace(card.trained_on, simulated=True))
    assert any("no clinical performance" in sentence for sentence in warnings_of(simulated))


def spoil_weights(bundle):
    path = bundle / "models" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def forget_weights(bundle):
    (bundle / "models" / "model.safetensors").unlink()


def add_weights(bundle):
    (bundle / "models" / "more.safetensors").write_bytes(b"")


def add_pickle(bundle):
    (bundle / "models" / "model.pt").write_bytes(b"\x80\x04.")


def name_pickle(bundle):
    (bundle / "models" / "model.pt").write_bytes(b"\x80\x04.")
    edit(bundle / "configs" / "metadata.json", lambda m: m["model_card"]["files"].update({"models/model.pt": "0" * 64}))


def name_outside(bundle):
    def change(metadata):
        metadata["model_card"]["files"]["../../other.safetensors"] = "0" * 64

    edit(bundle / "configs" / "metadata.json", change)


def link_outside(bundle):
    (bundle.parent / "elsewhere.safetensors").write_bytes(b"")
    (bundle / "models" / "link.safetensors").symlink_to(bundle.parent / "elsewhere.safetensors")


def change_calibration(bundle):
    edit(bundle / "configs" / "calibration.json", lambda c: c.update(fat=None))


def forget_digest(bundle):
    edit(bundle / "configs" / "metadata.json", lambda m: m["model_card"]["files"].pop("configs/model.json"))


def other_recipe(bundle):
    edit(bundle / "configs" / "metadata.json", lambda m: m["model_card"].update(recipe="cnn5-clip"))


def unknown_recipe(bundle):
    edit(bundle / "configs" / "metadata.json", lambda m: m["model_card"].update(recipe="os.system"))
    edit(bundle / "configs" / "model.json", lambda m: m.update(recipe="os.system"))


def no_card(bundle):
    edit(bundle / "configs" / "metadata.json", lambda m: m.pop("model_card"))


def broken_card(bundle):
    edit(bundle / "configs" / "metadata.json", lambda m: m["model_card"].update(views=["spleen"]))


def huge_json(bundle):
    (bundle / "configs" / "metadata.json").write_bytes(b" " * (5 * 2**20))


def no_json(bundle):
    (bundle / "configs" / "metadata.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_weights, "does not have the SHA-256"),
        (forget_weights, "missing or cannot be read"),
        (add_weights, r"holds more\.safetensors, which its metadata\.json does not name"),
        (add_pickle, r"holds model\.pt"),
        (name_pickle, "pickle file, which can run code"),
        (name_outside, "outside its own folder"),
        (link_outside, "outside its own folder"),
        (change_calibration, "calibration.json does not have the SHA-256"),
        (forget_digest, "does not name configs/model.json"),
        (other_recipe, "name different recipes"),
        (unknown_recipe, "SHA-256"),
        (no_card, "no model card"),
        (broken_card, "no model card of this software"),
        (huge_json, "too large"),
        (no_json, "not valid JSON"),
    ],
)
def test_a_bundle_that_was_changed_or_is_unsafe_is_refused_in_a_sentence(bundle, spoil, words):
    spoil(bundle)
    with pytest.raises(BundleError, match=words) as caught:
        load(bundle)
    assert str(caught.value).count(".") <= 3 and str(bundle.parent) not in str(caught.value)


def test_expressions_in_the_configurations_are_not_run_by_loading(bundle):
    marker = bundle.parent / "ran"
    write_json(bundle / "configs" / "inference.json", {"run": [f"$__import__('pathlib').Path('{marker}').touch()"]})
    load(bundle)
    assert not marker.exists()


def test_values_that_do_not_fit_the_recipe_are_one_sentence(bundle, monkeypatch):
    def refuse(*_):
        raise KeyError("weights")

    monkeypatch.setattr(type(brightness_recipe.RECIPE), "load", refuse)
    with pytest.raises(BundleError, match="do not fit the recipe brightness"):
        load(bundle)


def test_a_model_is_found_by_name_among_those_that_come_with_the_software(trained, monkeypatch):
    monkeypatch.setattr(loading, "resource_folder", lambda name, package: trained.parent)
    assert available_models() == ("Brightness",)
    assert find_bundle("Brightness") == trained and find_bundle(trained) == trained
    with pytest.raises(BundleError, match="no model 'Nothing'; give the folder of a bundle or one of Brightness"):
        find_bundle("Nothing")
    with pytest.raises(BundleError, match="LiverKidneyFat is missing"):
        find_bundle(None)


def test_a_bundle_takes_the_place_of_a_bundle_only(trained, cohort, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to_mother.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(BundleError, match="holds something else than a bundle"):
        runs.train("brightness", cohort, tmp_path / "letters")
    with pytest.raises(BundleError, match="is a file"):
        check_output(cohort)
    runs.train("brightness", cohort, tmp_path / "model", "both")
    runs.train("brightness", cohort, tmp_path / "model", "liver")
    assert read_card(tmp_path / "model").variant == "liver"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters", "model"]


def test_a_model_has_the_name_of_its_folder_however_that_was_given(cohort, tmp_path, monkeypatch):
    (tmp_path / "Named").mkdir()
    monkeypatch.chdir(tmp_path / "Named")
    runs.train("brightness", cohort, ".", "liver")
    assert read_card(tmp_path / "Named").name == "Named"


def test_a_failure_while_writing_leaves_the_older_bundle(bundle, cohort, monkeypatch):
    before = load(bundle).sha256

    def fail(self, folder):
        (folder / "half.safetensors").write_bytes(b"")
        raise InputError("The disk is full.")

    monkeypatch.setattr(brightness_recipe.BrightnessModel, "save", fail)
    with pytest.raises(InputError, match="disk is full"):
        runs.train("brightness", cohort, bundle)
    monkeypatch.undo()
    assert load(bundle).sha256 == before
    assert not [path for path in bundle.parent.iterdir() if "half" in path.name or str(os.getpid()) in path.name]


def test_a_bundle_that_cannot_be_put_in_place_leaves_the_older_one(bundle, cohort, monkeypatch):
    before, rename = load(bundle).sha256, Path.rename

    def fail(self, target):
        if Path(target) == bundle and not self.name.endswith(".old"):
            raise OSError("busy")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="busy"):
        runs.train("brightness", cohort, bundle, "liver", work=bundle.parent / "work")
    monkeypatch.undo()
    assert load(bundle).sha256 == before
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["Brightness", "work"]


@pytest.mark.filterwarnings("ignore:parsing config_file")
def test_the_configurations_run_with_monai(trained, cohort, tmp_path, monkeypatch):
    """What ``python -m monai.bundle run`` does in the bundle's folder: estimates, figures, and the same model again."""
    monai = pytest.importorskip("monai.bundle")
    monkeypatch.chdir(trained)
    for config in ("inference", "evaluate", "train"):
        monai.run(config_file=f"configs/{config}.json", cohort=str(cohort), output=str(tmp_path / config))
    assert len((tmp_path / "inference" / "estimates.csv").read_text(encoding="utf-8").splitlines()) == 13
    assert (tmp_path / "evaluate" / "report.html").is_file()
    assert load(tmp_path / "train").fitted.weights.tolist() == load(trained).fitted.weights.tolist()
