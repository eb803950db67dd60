"""Loading of MONAI bundles: the one that ships, another one of the same contract, and damaged or unsafe ones."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from HepatoRenalIndexLib.geometry.scan import ProbeShape, ScanGeometry  # noqa: E402
from HepatoRenalIndexLib.imaging.image import InputError, Provenance, UltrasoundImage  # noqa: E402
from HepatoRenalIndexLib.inference.bundle import (  # noqa: E402
    BundleError,
    default_bundle,
    fold_of_patient,
    load_fold_segmenter,
    load_segmenter,
    read_contract,
)
from HepatoRenalIndexLib.inference.device import choose_device  # noqa: E402
from HepatoRenalIndexLib.inference.network import build_network  # noqa: E402

UNET = {
    "_target_": "monai.networks.nets.UNet",
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 3,
    "channels": [4, 8],
    "strides": [2],
}


def write_bundle(folder, network=None, **changes):
    """A small bundle of the contract with an untrained MONAI UNet; ``changes`` replace parts of its files."""
    from safetensors.torch import save_file

    torch.manual_seed(0)
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    definition = network or UNET
    weights = folder / "models" / "model.safetensors"
    save_file(build_network(changes.pop("built", definition)).state_dict(), weights)
    metadata = {
        "name": "Other",
        "version": "0.3",
        "network_data_format": {
            "inputs": {"image": {"num_channels": 1, "spatial_shape": [64, 96]}},
            "outputs": {"pred": {"num_channels": 3}},
        },
        "weights": {"file": "models/model.safetensors", "sha256": hashlib.sha256(weights.read_bytes()).hexdigest()},
    }
    inference = {
        "network_def": definition,
        "preprocessing": {"normalization": "unit_range"},
        "postprocessing": {"activation": "softmax", "threshold": 0.34},
    }
    metadata.update(changes.pop("metadata", {}))
    inference.update(changes.pop("inference", {}))
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    (folder / "configs" / "inference.json").write_text(json.dumps(inference))
    return folder


def frame(rows=120, columns=160):
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (rows, columns), np.uint8)
    mask = np.zeros((rows, columns), bool)
    mask[10:-10, 20:-30] = True
    return UltrasoundImage(pixels, Provenance("random")), ScanGeometry(ProbeShape.LINEAR, mask, top=10)


def test_the_shipped_bundle_loads_and_names_itself_with_the_digest_of_its_weights():
    segmenter = load_segmenter(device="cpu")
    weights = default_bundle() / "models" / "model.safetensors"
    assert segmenter.identity.name == "LiverKidneyICNet"
    assert segmenter.identity.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert segmenter.identity.device == "cpu"


def test_the_model_files_stay_within_twelve_megabytes():
    assert sum(path.stat().st_size for path in (default_bundle() / "models").iterdir()) <= 12e6


def test_the_shipped_model_card_says_what_a_user_must_know():
    card = json.loads((default_bundle() / "configs" / "metadata.json").read_text())
    for key in ("intended_use", "data_source", "eval_metrics", "limits", "references", "monai_version", "changelog"):
        assert card[key], key
    assert "10.5281/zenodo.1009146" in card["data_source"]


def test_another_bundle_of_the_same_contract_can_be_pointed_at(tmp_path):
    segmenter = load_segmenter(write_bundle(tmp_path / "other"), device="cpu")
    image, geometry = frame()
    masks = segmenter.segment(image, geometry)
    assert (segmenter.identity.name, segmenter.identity.version) == ("Other", "0.3")
    assert masks.liver.shape == image.pixels.shape
    assert masks.liver.any() or masks.right_kidney.any()
    assert not (masks.liver & masks.right_kidney).any()
    assert not (masks.liver | masks.right_kidney)[~geometry.mask].any()


def test_a_frame_gives_the_same_masks_every_time():
    image, geometry = frame()
    first, second = (load_segmenter(device="cpu").segment(image, geometry) for _ in range(2))
    assert np.array_equal(first.labels(), second.labels())
    assert first.liver_confidence == second.liver_confidence


def test_loading_leaves_the_number_of_torch_threads_alone():
    before = torch.get_num_threads()
    load_segmenter(device="cpu")
    assert torch.get_num_threads() == before


def test_changed_weights_are_refused(tmp_path):
    folder = write_bundle(tmp_path / "b")
    path = folder / "models" / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match="SHA-256"):
        load_segmenter(folder)


def test_truncated_weights_with_a_matching_digest_are_refused(tmp_path):
    folder = write_bundle(tmp_path / "b")
    path = folder / "models" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    set_metadata(folder, weights={"file": "models/model.safetensors", "sha256": digest(path)})
    with pytest.raises(BundleError, match="not a valid safetensors"):
        load_segmenter(folder)


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.ckpt", "model.bin"])
def test_pickled_weights_are_refused_and_never_opened(tmp_path, name):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was run",))

    folder = write_bundle(tmp_path / "b")
    path = folder / "models" / name
    path.write_bytes(pickle.dumps(Bomb()))
    set_metadata(folder, weights={"file": f"models/{name}", "sha256": digest(path)})
    with pytest.raises(BundleError, match="pickle"):
        load_segmenter(folder)
    with pytest.raises(BundleError, match="pickle"):
        load_segmenter(path)


def test_weights_outside_the_bundle_are_refused(tmp_path):
    folder = write_bundle(tmp_path / "b")
    shutil.copy(folder / "models" / "model.safetensors", tmp_path / "outside.safetensors")
    set_metadata(folder, weights={"file": "../outside.safetensors", "sha256": digest(tmp_path / "outside.safetensors")})
    with pytest.raises(BundleError, match="outside its own folder"):
        load_segmenter(folder)


@pytest.mark.parametrize(
    ("definition", "says"),
    [
        ({**UNET, "channels": "$__import__('os').getcwd()"}, "expression"),
        ({**UNET, "channels": "$[4, 8]"}, "expression"),
        ({**UNET, "channels": "@other"}, "expression"),
        ({**UNET, "channels": "%other.json::channels"}, "expression"),
        ({"_target_": "os.getcwd"}, "os.getcwd"),
        ({"_target_": "monai.networks.nets.resnet.torch.load"}, "only monai.networks.nets"),
        ({"_target_": "monai.networks.nets.torch"}, "not a network class"),
        ({**UNET, "_mode_": "debug"}, "_mode_"),
        ({**UNET, "_requires_": ["os.getcwd"]}, "_requires_"),
        ({**UNET, "act": {"_target_": "subprocess.run", "args": ["true"]}}, "subprocess.run"),
        ({**UNET, "pretrained": True}, "download"),
        ({**UNET, "channels": [4]}, "cannot be built"),
        ({**UNET, "no_such_argument": 1}, "cannot be built"),
        ({"in_channels": 1}, "network_def"),
        ("$print('run')", "network_def"),
    ],
)
def test_a_network_definition_that_could_run_code_or_cannot_be_built_is_refused(tmp_path, capsys, definition, says):
    folder = write_bundle(tmp_path / "b", built=UNET, inference={"network_def": definition})
    with pytest.raises(BundleError, match=says) as caught:
        load_segmenter(folder)
    assert "\n" not in str(caught.value)
    assert "run" not in capsys.readouterr().out


def test_weights_of_another_network_are_refused(tmp_path):
    folder = write_bundle(tmp_path / "b", built=UNET, inference={"network_def": {**UNET, "channels": [8, 16]}})
    with pytest.raises(BundleError, match="belong to another network"):
        load_segmenter(folder)


def test_a_network_with_the_wrong_number_of_outputs_is_refused(tmp_path):
    folder = write_bundle(tmp_path / "b", network={**UNET, "out_channels": 2})
    with pytest.raises(BundleError, match="3 channels"):
        load_segmenter(folder)


def test_weights_that_are_not_numbers_are_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = write_bundle(tmp_path / "b")
    path = folder / "models" / "model.safetensors"
    state = load_file(path)
    next(value for value in state.values() if value.is_floating_point()).view(-1)[0] = float("nan")
    save_file(state, path)
    set_metadata(folder, weights={"file": "models/model.safetensors", "sha256": digest(path)})
    with pytest.raises(BundleError, match="not finite"):
        load_segmenter(folder)


@pytest.mark.parametrize(
    ("metadata", "inference", "says"),
    [
        ({"weights": "models/model.safetensors"}, {}, "must name its weights"),
        ({"weights": {"file": "models/missing.safetensors", "sha256": "0"}}, {}, "missing"),
        ({"network_data_format": {}}, {}, "no section inputs"),
        ({"network_data_format": {"inputs": {"image": {"num_channels": 3}}, "outputs": {"pred": {}}}}, {}, "one input"),
        ({}, {"preprocessing": {"normalization": "histogram"}}, "normalization"),
        ({}, {"postprocessing": {"activation": "argmax"}}, "softmax or sigmoid"),
        (
            {},
            {
                "preprocessing": {
                    "normalization": "unit_range",
                    "views": [{"spatial_shape": [64, 64], "mirrored": "yes"}],
                }
            },
            "true or false",
        ),
        (
            {},
            {"preprocessing": {"normalization": "unit_range", "views": [{"spatial_shape": [64, 64], "rotation": 90}]}},
            "-45 to 45",
        ),
        ({}, {"preprocessing": {"normalization": "unit_range", "views": [{"rotation": 5}]}}, "spatial_shape"),
        ({}, {"preprocessing": {"normalization": "unit_range", "views": "all"}}, "list of at most"),
        ({}, {"postprocessing": {"threshold": 7}}, "threshold"),
        ({}, {"postprocessing": {"threshold": "high"}}, "threshold"),
        ({}, {"preprocessing": None}, "no section preprocessing"),
    ],
)
def test_a_bundle_that_breaks_the_contract_is_refused_in_one_sentence(tmp_path, metadata, inference, says):
    folder = write_bundle(tmp_path / "b", metadata=metadata, inference=inference)
    with pytest.raises(BundleError, match=says) as caught:
        load_segmenter(folder)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("shape", [[64], [64, 96, 1], [0, 96], [64, 10**6], ["64", 96], None])
def test_an_impossible_input_size_is_refused(tmp_path, shape):
    formats = {
        "inputs": {"image": {"num_channels": 1, "spatial_shape": shape}},
        "outputs": {"pred": {"num_channels": 3}},
    }
    folder = write_bundle(tmp_path / "b", metadata={"network_data_format": formats})
    with pytest.raises(BundleError, match="spatial_shape"):
        load_segmenter(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_broken_json_is_one_sentence(tmp_path, content):
    folder = write_bundle(tmp_path / "b")
    (folder / "configs" / "metadata.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"metadata\.json") as caught:
        load_segmenter(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_bundle_is_refused_without_its_path(tmp_path):
    with pytest.raises(InputError, match="not a MONAI bundle") as caught:
        load_segmenter(tmp_path / "nothing")
    assert str(tmp_path) not in str(caught.value)


def test_cuda_that_is_missing_falls_back_to_the_cpu_and_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    device, description = choose_device("cuda")
    assert device.type == "cpu"
    assert description == "cpu (CUDA requested: not available)"
    assert choose_device("auto")[1] == "cpu"


def test_cuda_that_fails_its_trial_falls_back_to_the_cpu_and_says_so(monkeypatch):
    """Where there is no card, a claimed one fails exactly as a broken driver does."""
    if torch.cuda.is_available():
        pytest.skip("this machine has a working CUDA device")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    device, description = choose_device("auto")
    assert device.type == "cpu"
    assert "failed" in description


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="unknown device"):
        choose_device("tpu")


def test_every_patient_is_in_one_fold_and_each_fold_has_its_own_weights():
    folds = json.loads((default_bundle() / "configs" / "folds.json").read_text())["folds"]
    patients = [patient for fold in folds for patient in fold]
    assert len(patients) == len(set(patients)) == 40
    assert [fold_of_patient(fold[0]) for fold in folds] == list(range(5))
    digests = {weights.sha256 for weights in read_contract().fold_weights}
    assert len(digests) == 5
    assert load_fold_segmenter(2, device="cpu").identity.name.endswith("fold2")
    with pytest.raises(BundleError, match="no fold 5"):
        load_fold_segmenter(5)
    with pytest.raises(KeyError):
        fold_of_patient(999)


def set_metadata(folder, **changes):
    path = folder / "configs" / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def digest(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
