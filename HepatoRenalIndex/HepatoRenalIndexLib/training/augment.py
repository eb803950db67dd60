"""Random variation of labeled frames, in batches on torch tensors.

Two steps: ``geometric`` draws a new view (mirror, rotation, scale, shear, elastic warp), cuts a new insonated area out
of it (sector, curved or linear) and frames that area as inference would; ``photometric`` changes what a scanner, its
settings and the patient change (gain, dynamic range, TGC, speckle, resolution, shadows, overlays, compression).
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from ..inference.preprocess import NetworkInput, normalize

CLASSES = 3
COARSE = 4  # the new insonated area's bounds are found on a grid this much coarser


class Draw:
    """Random numbers of one batch, from one generator: the same seed gives the same batch."""

    def __init__(self, seed: int, count: int, device: torch.device | str = "cpu"):
        self.generator = torch.Generator(device=device).manual_seed(seed)
        self.count = count
        self.device = torch.device(device)

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        values = torch.rand((self.count, *shape), generator=self.generator, device=self.device)
        return low + (high - low) * values

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn((self.count, *shape), generator=self.generator, device=self.device)

    def chance(self, probability: float, *shape: int) -> torch.Tensor:
        return torch.rand((self.count, *shape), generator=self.generator, device=self.device) < probability


def augment(
    images: torch.Tensor, labels: torch.Tensor, masks: torch.Tensor, target: NetworkInput, draw: Draw
) -> tuple[torch.Tensor, torch.Tensor]:
    """A training batch from canvases.

    Args:
        images: float ``(batch, 1, rows, columns)`` in 0..1.
        labels: integer ``(batch, rows, columns)``, 0 background, 1 liver, 2 right kidney.
        masks: float ``(batch, 1, rows, columns)``, 1 in the insonated area.
        target: what the network takes.
        draw: randomness, for this batch's size.

    Returns ``(inputs, targets)``: float ``(batch, 1, H, W)`` normalized as in inference, and class shares
    ``(batch, 3, H, W)``.
    """
    organs = [(labels == label)[:, None].float() for label in range(1, CLASSES)]
    planes = torch.cat([images, masks, *organs], 1)
    planes, inside = geometric(planes, target, draw)
    image = photometric(planes[:, :1], draw) * inside
    image = (image.clamp(0, 1) * 255).round() / 255
    organs = planes[:, 2:] * inside
    targets = torch.cat([1 - organs.sum(1, keepdim=True), organs], 1).clamp(0, 1)
    return normalize(image, inside > 0.5, target.normalization), targets


def geometric(planes: torch.Tensor, target: NetworkInput, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    """New view and new insonated area. ``planes`` holds the image, its mask, then anything that goes along.

    Returns the planes at the target's size and the new area as float ``(batch, 1, H, W)``.
    """
    batch, _, rows, columns = planes.shape
    view = _random_view(rows, columns, draw)
    area = _RandomArea(rows, columns, draw)
    # Bounds of the new area, in scene pixels around the canvas center.
    v, u = torch.meshgrid(
        torch.arange(-rows / 2, rows / 2, COARSE, device=planes.device) + COARSE / 2 - 0.5,
        torch.arange(-columns / 2, columns / 2, COARSE, device=planes.device) + COARSE / 2 - 0.5,
        indexing="ij",
    )
    scene = torch.stack([u, v], -1).expand(batch, -1, -1, -1)
    seen = F.grid_sample(planes[:, 1:2], view(scene), mode="nearest", align_corners=False)[:, 0] > 0.5
    cut = seen & area(scene)
    useful = cut.flatten(1).sum(1) > 0.3 * seen.flatten(1).sum(1)
    cut = torch.where(useful[:, None, None], cut, seen)
    low_v, high_v = _span(cut.any(2), v[:, 0])
    low_u, high_u = _span(cut.any(1), u[0])
    # The letterbox of inference: the largest centered placement.
    scale = torch.minimum(target.columns / (high_u - low_u), target.rows / (high_v - low_v))
    v, u = torch.meshgrid(
        torch.arange(target.rows, device=planes.device) - (target.rows - 1) / 2,
        torch.arange(target.columns, device=planes.device) - (target.columns - 1) / 2,
        indexing="ij",
    )
    center = torch.stack([(low_u + high_u) / 2, (low_v + high_v) / 2], -1)[:, None, None]
    scene = torch.stack([u, v], -1)[None] / scale[:, None, None, None] + center
    warped = F.grid_sample(planes, view(scene), mode="bilinear", align_corners=False)
    inside = (warped[:, 1] > 0.5) & (area(scene) | ~useful[:, None, None])
    return warped, inside[:, None].float()


def _span(present: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """First and last position where ``present`` ``(batch, n)``; the whole range where nothing is."""
    empty = ~present.any(1)
    low = torch.where(present, positions, math.inf).amin(1)
    high = torch.where(present, positions, -math.inf).amax(1)
    half = COARSE / 2
    return torch.where(empty, positions[0], low) - half, torch.where(empty, positions[-1], high) + half


def _random_view(rows: int, columns: int, draw: Draw):
    """A function from scene positions ``(batch, h, w, 2)`` in pixels around the center to grid_sample coordinates."""
    mirror = torch.where(draw.chance(0.5), -1.0, 1.0)
    angle = draw.normal() * math.radians(9)
    zoom = torch.exp(draw.normal() * 0.10)
    stretch = torch.exp(draw.normal() * 0.08)
    shear = draw.normal() * 0.06
    cos, sin = torch.cos(angle), torch.sin(angle)
    first = torch.stack([mirror * zoom * stretch * cos, mirror * (shear * cos - sin) * zoom], -1)
    second = torch.stack([zoom * stretch * sin, (shear * sin + cos) * zoom / stretch], -1)
    matrix = torch.stack([first, second], 1)[:, None]  # (batch, 1, 2, 2)
    shift = draw.normal(1, 1, 2) * torch.tensor([0.03 * columns, 0.03 * rows], device=draw.device)
    bend = draw.normal(2, 5, 6) * (draw.uniform(0, 9)[:, None, None, None] * draw.chance(0.7)[:, None, None, None])
    half = torch.tensor([columns / 2, rows / 2], device=draw.device)

    bend = F.interpolate(bend, (rows // 8, columns // 8), mode="bicubic", align_corners=True)

    def to_canvas(scene: torch.Tensor) -> torch.Tensor:
        bent = F.grid_sample(bend, scene / half, mode="bilinear", padding_mode="border", align_corners=True)
        moved = scene + bent.permute(0, 2, 3, 1)
        batch, height, width, _ = moved.shape
        flat = moved.reshape(batch, 1, -1, 2) @ matrix.transpose(-1, -2)
        return (flat.reshape(batch, height, width, 2) + shift) / half

    return to_canvas


class _RandomArea:
    """A random insonated area of each frame: the frame's own, a sector, a curved array's or a linear array's."""

    def __init__(self, rows: int, columns: int, draw: Draw):
        kind = draw.uniform(0, 1)
        self.own = (kind < 0.45)[:, None, None]
        self.linear = (kind > 0.85)[:, None, None]
        # Sector and curved: apex above the area, near radius from almost nothing to larger than the depth shown.
        curved = kind > 0.60
        depth = draw.uniform(0.65, 1.05) * rows
        self.near = torch.where(curved, draw.uniform(0.15, 1.2), draw.uniform(0.0, 0.06))[:, None, None] * rows
        half = torch.where(curved, draw.uniform(22, 42), draw.uniform(32, 52))
        self.half_angle = torch.deg2rad(half)[:, None, None]
        self.depth = depth[:, None, None]
        self.tilt = draw.normal(1, 1) * 0.06
        self.center = draw.normal(1, 1) * 0.10 * columns
        self.top = (-rows / 2 + draw.uniform(-0.10, 0.25, 1, 1) * rows).float()
        self.width = draw.uniform(0.35, 0.85, 1, 1) * columns
        self.steer = torch.where(draw.chance(0.3, 1, 1), draw.normal(1, 1) * 0.15, torch.zeros((), device=draw.device))

    def __call__(self, scene: torch.Tensor) -> torch.Tensor:
        """Whether scene positions ``(batch, h, w, 2)`` are insonated, bool ``(batch, h, w)``."""
        x, y = scene[..., 0] - self.center, scene[..., 1] - self.top
        below = y + self.near
        radius = torch.hypot(x, below)
        fan = (torch.atan2(x, below) - self.tilt).abs() < self.half_angle
        fan &= (radius > self.near) & (radius < self.near + self.depth)
        band = ((x - y * self.steer).abs() < self.width / 2) & (y > 0) & (y < self.depth)
        return torch.where(self.linear, band, fan) | self.own


def photometric(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Vary brightness, texture and artifacts of ``image`` ``(batch, 1, H, W)`` in 0..1; may leave that range."""
    rows, columns = image.shape[2:]
    one = (1, 1, 1)
    # Resolution: blur along either axis.
    image = _blur(image, draw.uniform(0, 1.5) * draw.chance(0.5), draw.uniform(0, 1.2) * draw.chance(0.4))
    # Speckle: multiplicative grain of random size.
    grain = _blur(draw.normal(1, rows, columns), draw.uniform(0.3, 1.8), draw.uniform(0.3, 1.2))
    grain = grain / grain.std((2, 3), keepdim=True)
    image = image * torch.exp(grain * draw.uniform(0, 0.30, *one) * draw.chance(0.7, *one))
    # Display: gamma, gain, dynamic range.
    image = image.clamp(0, 1).clamp(min=1e-4) ** torch.exp(draw.normal(*one) * 0.3)
    image = image * torch.exp(draw.normal(*one) * 0.25) + draw.normal(*one) * 0.04
    # TGC and lateral unevenness: smooth multiplicative fields.
    curve = draw.normal(1, 6, 1) * draw.uniform(0, 0.30, *one)
    field = draw.normal(1, 4, 4) * draw.uniform(0, 0.22, *one)
    for knots in (curve, field):
        smooth = F.interpolate(knots, (rows // 8, columns // 8), mode="bicubic", align_corners=True)
        image = image * F.interpolate(torch.exp(smooth), (rows, columns), mode="bilinear", align_corners=True)
    image = image * _beams(draw, rows, columns)
    image = image + draw.normal(1, rows, columns) * draw.uniform(0, 0.03, *one)
    image = torch.where(draw.chance(0.25, *one), _overlays(image, draw), image)
    return torch.where(draw.chance(0.15, *one), _jpeg(image, draw), image)


def _blur(image: torch.Tensor, across: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """Gaussian blur of each image of the batch with its own sigma in x (``across``) and y (``along``), in pixels."""
    batch, _, rows, columns = image.shape
    offsets = torch.arange(-4, 5, device=image.device)
    stacked = image.reshape(1, batch, rows, columns)
    for sigma, axis in ((across, -1), (along, -2)):
        kernel = torch.exp(-0.5 * (offsets / sigma.clamp(min=0.05)[:, None]).square())
        kernel = kernel / kernel.sum(1, keepdim=True)
        shape = (batch, 1, 1, 9) if axis == -1 else (batch, 1, 9, 1)
        stacked = F.conv2d(stacked, kernel.reshape(shape), padding=(0, 4) if axis == -1 else (4, 0), groups=batch)
    return stacked.reshape(batch, 1, rows, columns)


def _beams(draw: Draw, rows: int, columns: int) -> torch.Tensor:
    """Rib shadows and enhancement: wedges of beams that go darker or brighter from some depth on."""
    factor = torch.ones(draw.count, 1, rows, columns, device=draw.device)
    y = torch.linspace(0, 1, rows, device=draw.device)[:, None]
    x = torch.linspace(-1, 1, columns, device=draw.device)[None]
    for probability in (0.35, 0.2):
        shape = (1, 1, 1)
        origin = draw.uniform(0.1, 3.0, *shape)
        tangent = (x - draw.normal(*shape) * 0.1) / (y + origin) * (1 + origin)
        soft = draw.uniform(0.02, 0.10, *shape)
        distance = (tangent - draw.uniform(-1, 1, *shape)).abs() - draw.uniform(0.02, 0.22, *shape)
        across = torch.sigmoid(-distance / soft * 2)
        down = torch.sigmoid((y - draw.uniform(-0.1, 0.6, *shape)) / 0.03)
        strength = torch.where(
            draw.chance(0.8, *shape), draw.uniform(-0.9, -0.2, *shape), draw.uniform(0.1, 0.4, *shape)
        )
        factor = factor * (1 + strength * across * down * draw.chance(probability, *shape))
    return factor


def _overlays(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Lines, caliper marks and letters-like boxes drawn over the picture, as saved screens have them."""
    rows, columns = image.shape[2:]
    image = image.clone()
    y = torch.arange(rows, device=image.device)[:, None]
    x = torch.arange(columns, device=image.device)[None]
    bright = draw.uniform(0.6, 1.0, 1, 1)
    for _ in range(3):
        left, top = draw.uniform(0, columns, 1, 1), draw.uniform(0, rows, 1, 1)
        tall = draw.chance(0.5, 1, 1)
        width = torch.where(tall, draw.uniform(1, 3, 1, 1), draw.uniform(3, 60, 1, 1))
        height = torch.where(tall, draw.uniform(4, 400, 1, 1), draw.uniform(1, 9, 1, 1))
        box = (x >= left) & (x < left + width) & (y >= top) & (y < top + height)
        letters = ((x * 7 + y * 3) % 11 < 7) | tall
        image[:, 0] = torch.where(box & letters & draw.chance(0.6, 1, 1), bright, image[:, 0])
    return image


def _jpeg(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Block-wise cosine transform with coarse quantization, as JPEG compression leaves it."""
    batch, _, rows, columns = image.shape
    k = torch.arange(8, device=image.device, dtype=torch.float32)
    basis = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) * 0.5
    basis[0] = math.sqrt(1 / 8)
    step = (1 + k[:, None] + k[None]) * draw.uniform(0.01, 0.05, 1, 1, 1, 1)
    height, width = rows // 8 * 8, columns // 8 * 8
    blocks = image[:, 0, :height, :width].reshape(batch, height // 8, 8, width // 8, 8).transpose(2, 3)
    coefficients = basis @ blocks @ basis.T
    restored = basis.T @ ((coefficients / step).round() * step) @ basis
    result = image.clone()
    result[:, 0, :height, :width] = restored.transpose(2, 3).reshape(batch, height, width)
    return result
