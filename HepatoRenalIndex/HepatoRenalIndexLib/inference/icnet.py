"""ICNet: image cascade network for segmentation.

Zhao H, Qi X, Shen X, Shi J, Jia J. ICNet for Real-Time Semantic Segmentation on High-Resolution Images. ECCV 2018,
arXiv:1704.08545. Section and figure numbers below are of that paper.

This is the one module of the room that imports torch at its top, because a network is a class of torch; the rest
of the library reaches it only from inside functions, through a bundle's ``network_def``.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

# Channels at width 1.0: the widths of the network that the paper publishes after halving PSPNet50 (section 3.4).
STEM, STAGE2, STAGE3, STAGE4, STAGE5, HEAD, FUSED = 64, 128, 256, 512, 1024, 256, 128
PYRAMID_BINS = (1, 2, 3, 6)  # pyramid pooling of PSPNet, kept by ICNet
STRIDE = 32  # the deepest branch sees 1/32 of the input
CASCADE_WEIGHTS = (0.4, 0.4, 1.0)  # lambda of the guidance at 1/16, 1/8 and 1/4 of the input (section 3.3)


def _conv(inputs: int, outputs: int, size: int, stride: int = 1, dilation: int = 1, relu: bool = True) -> nn.Sequential:
    """Convolution without bias, batch normalization and, unless ``relu`` is False, rectification."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, size, stride, dilation * (size // 2), dilation, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Bottleneck(nn.Module):
    """Residual bottleneck of ResNet-50 as PSPNet uses it: 1x1, 3x3 (strided or dilated), 1x1."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1):
        super().__init__()
        middle = outputs // 4
        self.body = nn.Sequential(
            _conv(inputs, middle, 1),
            _conv(middle, middle, 3, stride, dilation),
            _conv(middle, outputs, 1, relu=False),
        )
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = _conv(inputs, outputs, 1, stride, relu=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return F.relu(self.body(features) + self.shortcut(features), inplace=True)


class PyramidPooling(nn.Module):
    """Adds what the whole image, its halves, thirds and sixths hold to every position (bins summed, as in ICNet)."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        total = features
        for bins in PYRAMID_BINS:
            pooled = F.adaptive_avg_pool2d(features, bins)
            total = total + F.interpolate(pooled, features.shape[2:], mode="bilinear", align_corners=False)
        return total


class CascadeFeatureFusion(nn.Module):
    """CFF unit (section 3.3, figure 4): a coarse map is doubled and joined with a finer one.

    Returns the fused map at the finer resolution, and the logits of the doubled coarse map: the auxiliary
    prediction on which cascade label guidance acts in training (``None`` when not wanted).
    """

    def __init__(self, coarse: int, fine: int, outputs: int, classes: int):
        super().__init__()
        self.coarse = _conv(coarse, outputs, 3, dilation=2, relu=False)
        self.fine = _conv(fine, outputs, 1, relu=False)
        self.guidance = nn.Conv2d(coarse, classes, 1)

    def forward(
        self, coarse: torch.Tensor, fine: torch.Tensor, guided: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        doubled = F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=False)
        fused = F.relu(self.coarse(doubled) + self.fine(fine), inplace=True)
        return fused, self.guidance(doubled) if guided else None


class ICNet(nn.Module):
    """Three branches at 1/4, 1/2 and full resolution, fused in a cascade (figure 2).

    - Shared stages (weights and computation of the 1/4 and 1/2 branches) run on the half-size image down to 1/16 of
      the input. The 1/4 branch goes on from their halved result: dilated residual stages and pyramid pooling at 1/32.
    - The 1/2 branch is the result of the shared stages itself.
    - The full-resolution branch is three light strided convolutions down to 1/8.

    Args:
        in_channels: channels of the input.
        out_channels: classes, background included.
        width: factor on every channel count, rounded to a multiple of 8; 1.0 is the published network.
        depths: residual blocks in stages 2, 3, 4 and 5; (3, 4, 6, 3) is the published network.

    Input is float ``(batch, in_channels, H, W)``; any size is accepted, multiples of 32 lose nothing to rounding.
    In evaluation the output is the logits at the input's size; in training it is the tuple of logits at 1/16, 1/8
    and 1/4 of the input, for :func:`cascade_loss`.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 3,
        width: float = 1.0,
        depths: tuple[int, int, int, int] | list[int] = (3, 4, 6, 3),
    ):
        super().__init__()
        if width <= 0 or len(depths) != 4 or min(depths) < 1:
            raise ValueError("ICNet needs a positive width and four stage depths of at least one block")
        stem, c2, c3, c4, c5, head, fused = (
            max(8, round(channels * width / 8) * 8) for channels in (STEM, STAGE2, STAGE3, STAGE4, STAGE5, HEAD, FUSED)
        )
        half = max(8, stem // 2)
        self.shared = nn.Sequential(
            _conv(in_channels, half, 3, stride=2),
            _conv(half, half, 3),
            _conv(half, stem, 3),
            nn.MaxPool2d(3, stride=2, padding=1),
            *(Bottleneck(stem if block == 0 else c2, c2) for block in range(depths[0])),
            Bottleneck(c2, c3, stride=2),
        )
        self.deep = nn.Sequential(
            *(Bottleneck(c3, c3) for _ in range(depths[1] - 1)),
            *(Bottleneck(c3 if block == 0 else c4, c4, dilation=2) for block in range(depths[2])),
            *(Bottleneck(c4 if block == 0 else c5, c5, dilation=4) for block in range(depths[3])),
            PyramidPooling(),
            _conv(c5, head, 1),
        )
        self.light = nn.Sequential(
            _conv(in_channels, half, 3, stride=2), _conv(half, half, 3, stride=2), _conv(half, stem, 3, stride=2)
        )
        self.fuse_half = CascadeFeatureFusion(head, c3, fused, out_channels)
        self.fuse_full = CascadeFeatureFusion(fused, stem, fused, out_channels)
        self.classifier = nn.Conv2d(fused, out_channels, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def branches(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Feature maps of the 1/4, 1/2 and full-resolution branches, at 1/32, 1/16 and 1/8 of the input."""
        half = F.interpolate(image, scale_factor=0.5, mode="bilinear", align_corners=False)
        medium = self.shared(half)
        quarter = F.interpolate(medium, scale_factor=0.5, mode="bilinear", align_corners=False)
        return self.deep(quarter), medium, self.light(image)

    def forward(self, image: torch.Tensor):
        low, medium, full = self.branches(image)
        fused, at_16 = self.fuse_half(low, medium, self.training)
        fused, at_8 = self.fuse_full(fused, full, self.training)
        at_4 = self.classifier(F.interpolate(fused, scale_factor=2, mode="bilinear", align_corners=False))
        if self.training:
            return at_16, at_8, at_4
        return F.interpolate(at_4, image.shape[2:], mode="bilinear", align_corners=False)

    def fold_batch_normalization(self) -> None:
        """Merge every batch normalization into the convolution before it, in place.

        For inference only: the output stays the same up to rounding, in about 60% of the time.
        """
        if self.training:
            raise ValueError("batch normalization can only be merged in evaluation mode")
        for module in list(self.modules()):
            if isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[1], nn.BatchNorm2d):
                module[0] = nn.utils.fusion.fuse_conv_bn_eval(module[0], module[1])
                module[1] = nn.Identity()


def cascade_loss(outputs, target: torch.Tensor, criterion, weights=CASCADE_WEIGHTS) -> torch.Tensor:
    """Cascade label guidance (section 3.3): weighted sum of the losses of the three predictions.

    Args:
        outputs: the tuple that :class:`ICNet` returns in training.
        target: class shares ``(batch, classes, H, W)`` at the input's size (one-hot, float); averaged over the area
            of each coarser pixel, so that a boundary inside a coarse pixel is not rounded to one side.
        criterion: loss of ``(logits, target)``, for example MONAI's ``DiceCELoss(softmax=True)``.
        weights: lambda of each prediction.
    """
    total = target.new_zeros(())
    for logits, weight in zip(outputs, weights, strict=True):
        total = total + weight * criterion(logits.float(), F.adaptive_avg_pool2d(target, logits.shape[2:]))
    return total
