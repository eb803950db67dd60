"""ICNet against what its paper says of it (arXiv:1704.08545)."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from HepatoRenalIndexLib.inference.icnet import CASCADE_WEIGHTS, ICNet, cascade_loss  # noqa: E402

SMALL = {"width": 0.125, "depths": (1, 2, 1, 1)}


def small_network(seed: int = 0) -> ICNet:
    torch.manual_seed(seed)
    return ICNet(**SMALL)


def with_lived_in_statistics(network: ICNet) -> ICNet:
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(4, 1, 64, 96) * 2 + 1)
    return network.eval()


@pytest.mark.parametrize("size", [(64, 96), (96, 64), (288, 384), (70, 101)])
def test_the_output_has_three_channels_at_the_size_of_the_input(size):
    with torch.inference_mode():
        assert small_network().eval()(torch.randn(2, 1, *size)).shape == (2, 3, *size)


def test_the_branches_work_at_a_quarter_a_half_and_the_full_resolution():
    low, medium, full = small_network().eval().branches(torch.randn(1, 1, 128, 192))
    assert low.shape[2:] == (128 // 32, 192 // 32)
    assert medium.shape[2:] == (128 // 16, 192 // 16)
    assert full.shape[2:] == (128 // 8, 192 // 8)


def test_training_predicts_at_a_sixteenth_an_eighth_and_a_quarter():
    outputs = small_network().train()(torch.randn(2, 1, 128, 192))
    assert [tuple(output.shape) for output in outputs] == [(2, 3, 8, 12), (2, 3, 16, 24), (2, 3, 32, 48)]


def test_the_quarter_and_half_branches_share_weights_and_the_full_branch_has_its_own():
    network = small_network().eval()
    weight = network.shared[0][0].weight
    for branch, uses_it in zip(network.branches(torch.randn(1, 1, 96, 96)), (True, True, False), strict=True):
        (gradient,) = torch.autograd.grad(branch.square().sum(), weight, retain_graph=True, allow_unused=True)
        assert (gradient is not None and bool(gradient.abs().sum() > 0)) == uses_it


def test_the_shared_stages_run_once_per_image():
    network = small_network().eval()
    runs = []
    network.shared.register_forward_hook(lambda *_: runs.append(1))
    network(torch.randn(1, 1, 64, 64))
    assert len(runs) == 1


def test_a_detail_of_one_pixel_reaches_the_output_through_the_full_resolution_branch():
    network = with_lived_in_statistics(small_network())
    image = torch.zeros(1, 1, 96, 96)
    checkered = image.clone()
    checkered[..., ::2, ::2], checkered[..., 1::2, 1::2] = 1, 1
    checkered[..., ::2, 1::2], checkered[..., 1::2, ::2] = -1, -1
    with torch.inference_mode():
        flat, fine = network.branches(image), network.branches(checkered)
    assert torch.equal(flat[0], fine[0])  # averaging to half resolution cancels the pattern
    assert torch.equal(flat[1], fine[1])
    assert not torch.allclose(flat[2], fine[2])


def test_the_published_width_has_the_published_size():
    """The paper's network after halving PSPNet50 holds several million weights; the shipped one under a million."""
    assert 6e6 < sum(p.numel() for p in ICNet(width=1.0).parameters()) < 9e6
    assert sum(p.numel() for p in ICNet(width=0.375).parameters()) < 1e6


def test_the_cascade_loss_weighs_the_three_predictions_as_the_paper_does():
    target = torch.zeros(1, 3, 32, 32)
    target[:, 0] = 1
    outputs = tuple(torch.full((1, 3, side, side), float(side)) for side in (2, 4, 8))
    total = cascade_loss(outputs, target, lambda logits, _: logits.mean())
    assert total.item() == pytest.approx(0.4 * 2 + 0.4 * 4 + 1.0 * 8)
    assert CASCADE_WEIGHTS == (0.4, 0.4, 1.0)


def test_guidance_sees_the_share_of_each_class_in_a_coarse_pixel():
    target = torch.zeros(1, 3, 16, 16)
    target[:, 0] = 1
    target[:, 0, :, :4], target[:, 1, :, :4] = 0, 1
    seen = []
    cascade_loss((torch.zeros(1, 3, 2, 2),) * 3, target, lambda logits, share: seen.append(share) or logits.sum())
    assert seen[0][0, 1].tolist() == [[0.5, 0.0], [0.5, 0.0]]


def test_merging_batch_normalization_does_not_change_the_output():
    network = with_lived_in_statistics(small_network())
    image = torch.randn(1, 1, 96, 128)
    with torch.inference_mode():
        before = network(image)
        network.fold_batch_normalization()
        after = network(image)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    assert torch.allclose(before, after, atol=1e-4)


def test_batch_normalization_of_a_network_in_training_is_not_merged():
    with pytest.raises(ValueError, match="evaluation"):
        small_network().train().fold_batch_normalization()


def test_the_same_seed_gives_the_same_network_and_output():
    image = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        assert torch.equal(small_network(3).eval()(image), small_network(3).eval()(image))


@pytest.mark.parametrize("arguments", [{"width": 0}, {"depths": (1, 2, 3)}, {"depths": (1, 0, 1, 1)}])
def test_an_impossible_network_is_refused(arguments):
    with pytest.raises(ValueError, match="ICNet needs"):
        ICNet(**arguments)
