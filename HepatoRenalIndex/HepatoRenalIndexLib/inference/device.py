"""Choosing where a network runs."""

from __future__ import annotations

DEVICE_CHOICES = ("auto", "cpu", "cuda")


def choose_device(requested: str = "auto"):
    """Where to run: ``(torch.device, description)``.

    ``auto`` takes CUDA where it works and the CPU elsewhere. ``cuda`` that is missing or fails a small trial runs on
    the CPU, and the description says so. Raises ``ValueError`` for another word.
    """
    if requested not in DEVICE_CHOICES:
        raise ValueError(f"unknown device {requested!r}: use one of {', '.join(DEVICE_CHOICES)}")
    import torch

    if requested == "cpu":
        return torch.device("cpu"), "cpu"
    if not torch.cuda.is_available():
        return torch.device("cpu"), "cpu" if requested == "auto" else "cpu (CUDA requested: not available)"
    device = torch.device("cuda:0")
    try:
        # A convolution needs the kernels that a mere allocation does not: an unsupported card fails here.
        trial = torch.nn.functional.conv2d(torch.ones(1, 1, 8, 8, device=device), torch.ones(1, 1, 3, 3, device=device))
        if trial.sum().item() != 9 * 36:
            raise RuntimeError("wrong result of the trial convolution")
    except RuntimeError:
        return torch.device("cpu"), "cpu (CUDA available but failed its trial)"
    return device, f"cuda:0 {torch.cuda.get_device_name(0)}"
