"""The burned-in depth ruler: mm per pixel of a frame that carries no calibration of its own.

Two kinds are known: ticks along a side of the scan, and a column of ticks or dots beside it. Either has evenly spaced
small marks with longer ones at every second, fifth or tenth. What one mark means is not written anywhere, so it has to
follow from all of: the pattern of long marks, the depth that results (abdominal scans are 8 to 30 cm deep), the place
of the zero at the transducer, and the number of digits printed beside the long marks. Where these leave more than one
reading there is no ruler: an invented scale is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from .marks import Marks, Series, find_marks, longest_series
from .scan import ProbeShape, ScanGeometry

SHALLOWEST_MM, DEEPEST_MM = 80.0, 300.0  # of abdominal scans
_TICKS_MM = (1.0, 2.0, 5.0, 10.0)
_LONG_EVERY_MM = {10.0: (50.0, 100.0), 5.0: (10.0, 50.0), 2.0: (10.0,), 1.0: (5.0, 10.0)}
_MOST_MARKS = 500  # more marks inside the scan are speckle
_AGREEMENT = 0.03  # relative difference within which two rulers of one screen say the same
_REDUCED_DEPTHS = (430.0, 360.0, 300.0)  # depths of the scan in pixels to which larger images are reduced
_LEAST_REDUCTION = 1.2


@dataclass(frozen=True)
class Ruler:
    """A depth ruler. Lengths in isotropic source pixels (pixel widths).

    ``tick_positions`` is float ``(n, 2)``, the ``(x, y)`` of the marks in source pixels. ``confidence`` in 0..1 grows
    with the number of marks and with printed labels that fit. ``kind`` is "side" or "column".
    """

    mm_per_px: float
    tick_positions: np.ndarray
    tick_spacing_px: float
    tick_mm: float
    long_every: int  # every how many marks is long
    labels_read: int  # printed labels whose number of digits fits
    confidence: float
    kind: str


@dataclass(frozen=True)
class _Candidate:
    """A series of marks along one axis, before its meaning is known."""

    marks: Marks
    series: Series
    zero: tuple[float, float]  # where depth zero may lie on the axis: lowest, highest
    depth: float  # of the scan along the axis
    kind: str


def detect_ruler(pixels: np.ndarray, geometry: ScanGeometry) -> Ruler | None:
    """The depth ruler burned into uint8 ``pixels`` (rows, columns), or None where there is none or it is ambiguous.

    Marks have the size of few pixels as a scanner draws them. An image that was enlarged, which blurs and breaks them,
    is read again in reduced size where nothing was found in it as it is.
    """
    if not geometry.mask.any():
        return None
    rulers = _read_rulers(pixels, geometry)
    if not rulers:
        for depth in _REDUCED_DEPTHS:
            factor = _scan_depth(geometry) / depth
            if factor >= _LEAST_REDUCTION:
                rulers += _read_reduced(pixels, geometry, factor)
    if not rulers:
        return None
    best = max(rulers, key=lambda ruler: ruler.confidence)
    if any(abs(ruler.mm_per_px / best.mm_per_px - 1) > _AGREEMENT for ruler in rulers):
        return None
    return best


def _read_rulers(pixels: np.ndarray, geometry: ScanGeometry) -> list[Ruler]:
    """What the series of marks on the screen mean, as far as each means one thing."""
    outside = find_marks(pixels, ndimage.binary_dilation(geometry.mask))
    candidates = _side_candidates(outside, geometry)
    everywhere = find_marks(pixels)
    candidates += _column_candidates(everywhere if len(everywhere) <= _MOST_MARKS else outside, geometry)
    rulers = (_interpret(candidate, outside) for candidate in candidates)
    return [ruler for ruler in rulers if ruler is not None]


def _read_reduced(pixels: np.ndarray, geometry: ScanGeometry, factor: float) -> list[Ruler]:
    """The rulers of the image reduced by ``factor``, in pixels of the image as it is.

    The brightest pixel stands for its neighborhood: a mean would take thin marks away.
    """
    bright = ndimage.maximum_filter(pixels, size=int(np.ceil(factor)))
    rows, columns = (((np.arange(int(size / factor)) + 0.5) * factor).astype(int) for size in pixels.shape)
    taken = np.ix_(rows, columns)

    def place(position: float) -> float:
        return (position + 0.5) / factor - 0.5  # of pixel centers

    reduced = replace(
        geometry,
        mask=geometry.mask[taken],
        apex=(place(geometry.apex[0]), place(geometry.apex[1])),
        near_radius=geometry.near_radius / factor,
        far_radius=geometry.far_radius / factor,
        top=place(geometry.top),
    )
    return [
        replace(
            ruler,
            mm_per_px=ruler.mm_per_px / factor,
            tick_spacing_px=ruler.tick_spacing_px * factor,
            tick_positions=(ruler.tick_positions + 0.5) * factor - 0.5,
        )
        for ruler in _read_rulers(bright[taken], reduced)
    ]


def _scan_depth(geometry: ScanGeometry) -> float:
    """Depth of the scan in isotropic pixels."""
    if geometry.shape is ProbeShape.UNKNOWN:
        _, top, _, bottom = geometry.bounds
        return (bottom - top + 1) * geometry.aspect
    return geometry.far_radius - geometry.near_radius


def _side_candidates(marks: Marks, geometry: ScanGeometry) -> list[_Candidate]:
    """Series along the left and right side of a sector."""
    if geometry.shape not in (ProbeShape.SECTOR, ProbeShape.CURVED) or len(marks) < 5:
        return []
    reach = 0.035 * max(geometry.mask.shape)
    found = []
    for hand, angle in ((-1, geometry.angle_min), (1, geometry.angle_max)):
        dx, dy = marks.x - geometry.apex[0], (marks.y - geometry.apex[1]) * geometry.aspect
        along = dx * np.sin(angle) + dy * np.cos(angle)
        across = hand * (dx * np.cos(angle) - dy * np.sin(angle))
        inner = across - marks.length / 2
        beside = np.flatnonzero((inner > -1) & (inner < reach) & (along > -0.1 * geometry.far_radius))
        zero = (geometry.near_radius, geometry.near_radius)
        found += _clustered(marks, beside, inner, along, 8.0, zero, _scan_depth(geometry), "side")
    return found


def _column_candidates(marks: Marks, geometry: ScanGeometry) -> list[_Candidate]:
    """Series one above the other, aligned at their left ends, right ends or centers."""
    if len(marks) < 5:
        return []
    if geometry.shape in (ProbeShape.SECTOR, ProbeShape.CURVED):
        # Depth zero lies at the deepest point of the transducer's face, or at the corners where its image begins.
        steepest = max(abs(geometry.angle_min), abs(geometry.angle_max))
        top = geometry.apex[1] * geometry.aspect
        zero = (top + geometry.near_radius * np.cos(steepest), top + geometry.near_radius)
    else:
        zero = (geometry.top * geometry.aspect,) * 2
    along = marks.y * geometry.aspect
    found = []
    every = np.arange(len(marks))
    for anchor in (marks.x - (marks.width - 1) / 2, marks.x + (marks.width - 1) / 2, marks.x):
        found += _clustered(marks, every, anchor, along, 2.0, zero, _scan_depth(geometry), "column")
    return found


def _clustered(
    marks: Marks,
    chosen: np.ndarray,
    anchor: np.ndarray,
    along: np.ndarray,
    width: float,
    zero: tuple[float, float],
    depth: float,
    kind: str,
) -> list[_Candidate]:
    """Candidates among the ``chosen`` marks whose ``anchor`` agrees within ``width``."""
    if chosen.size < 5:
        return []
    order = chosen[np.argsort(anchor[chosen])]
    values = anchor[order]
    stop = np.searchsorted(values, values + width, side="right")
    found: list[_Candidate] = []
    covered = 0
    for start in range(values.size):
        # Windows that end where an earlier one ended hold nothing new.
        if stop[start] - start < 5 or stop[start] <= covered:
            continue
        covered = stop[start]
        window = order[start:covered]
        group = _alike(marks, window)
        if group.size < 5:
            continue
        series = longest_series(along[group], smallest_spacing=max(4.0, depth / 160))
        if series is None or series.residual > max(0.8, 0.05 * series.spacing):
            continue
        if series.length * series.spacing < 0.5 * depth:
            continue
        # Marks halfway between the members: the true spacing is smaller, and some of its marks were not seen.
        place = (along[chosen] - series.origin) / series.spacing
        halfway = np.abs(place - np.floor(place) - 0.5) < 0.12
        beside = np.abs(anchor[chosen] - np.median(anchor[group])) <= 3 * width
        inner = (place > 0) & (place < series.index[-1])
        if np.count_nonzero(halfway & beside & inner) >= max(2, 0.2 * series.count):
            continue
        found.append(_Candidate(marks.take(group), series, zero, depth, kind))
    return found


def _alike(marks: Marks, window: np.ndarray) -> np.ndarray:
    """The ``window`` marks that look like ticks of one ruler: the commonest size, and longer ones of its thickness.

    Letters of a list of text lines stand one above the other at even distances too, but differ in shape.
    """
    sizes = np.stack([marks.width[window], marks.height[window]], axis=1)
    same = (np.abs(sizes[:, None, :] - sizes[None, :, :]) <= 1).all(axis=2)
    alike = same.sum(axis=1)
    # Where long ones are as many, the short ones are the reference.
    length = marks.length[window]
    common = int(alike.argmax())
    shorter = np.where(length <= 0.7 * length[common], alike, 0)
    if shorter.max() >= 0.8 * alike.max():
        common = int(shorter.argmax())
    if same[common].sum() < 0.6 * window.size and same[common].sum() < 5:
        return window[:0]
    small = sizes[common]
    # A tick is thin and straight: its area is little more than its length.
    thickness = marks.area[window] / np.maximum(marks.length[window] + 1, 1)
    longer = (sizes >= small - 1).all(axis=1) & (sizes <= 4 * small + 4).all(axis=1)
    thin = thickness <= 1.6 * thickness[common] + 0.7
    dot = (
        (abs(small[0] - small[1]) <= 1)
        & (np.abs(sizes[:, 0] - sizes[:, 1]) <= 1)
        & (sizes <= 2 * small + 1).all(axis=1)
    )
    return window[same[common] | (longer & (thin | dot))]


def _interpret(candidate: _Candidate, every: Marks) -> Ruler | None:
    """The one meaning of a series, or None."""
    series = candidate.series
    members = candidate.marks.take(series.members)
    long = _long_marks(members)
    if not 1 <= long.sum() <= 0.55 * series.count:
        return None
    places = series.index[long]
    found = _long_every(places, series)
    if found is None:
        return None
    long_every, phase = found
    # Depth zero must be a long mark at the transducer.
    low, high = ((z - series.origin) / series.spacing for z in candidate.zero)
    zeros = [k for k in range(int(np.floor(low - 1)), int(np.ceil(high + 1)) + 1) if (k - phase) % long_every == 0]
    zeros = [k for k in zeros if low - 0.6 <= k <= high + 0.6]
    if len(zeros) != 1:
        return None
    readings = []
    for tick_mm in _TICKS_MM:
        depth_mm = candidate.depth / series.spacing * tick_mm
        if long_every * tick_mm in _LONG_EVERY_MM[tick_mm] and SHALLOWEST_MM <= depth_mm <= DEEPEST_MM:
            fits, contradicts = _labels(members, series, long, zeros[0], tick_mm, every)
            if contradicts <= fits // 2:
                readings.append((fits, tick_mm))
    if len(readings) > 1:
        # Only labels can tell, and more than one of them.
        readings = [(fits, tick_mm) for fits, tick_mm in readings if fits >= 2]
    if len(readings) != 1:
        return None
    fits, tick_mm = readings[0]
    if long.sum() < 2 and fits == 0:
        return None
    confidence = min(1.0, 0.4 + 0.02 * series.count + 0.1 * min(fits, 3) - 0.5 * series.residual / series.spacing)
    spacing = series.spacing
    positions = np.stack([members.x, members.y], axis=1)
    return Ruler(tick_mm / spacing, positions, spacing, tick_mm, long_every, fits, float(confidence), candidate.kind)


def _long_marks(members: Marks) -> np.ndarray:
    """Which members are the long ones."""
    length, area = members.length + 1, members.area
    # Up to half of the marks are long: the lower quartile is the size of the short ones.
    return (length >= 1.35 * np.quantile(length, 0.25) + 0.5) | (area >= 1.7 * np.quantile(area, 0.25) + 1)


def _long_every(places: np.ndarray, series: Series) -> tuple[int, int] | None:
    """Every how many places a mark is long, and the place of one; None when the pattern is irregular."""
    taken = set(series.index.tolist())
    for step in (2, 5, 10):
        phase = int(places[0]) % step
        if (places % step != phase).any():
            continue
        expected = {k for k in range(phase, int(series.index[-1]) + 1, step) if k in taken}
        if expected - set(places.tolist()):
            continue
        if step > 2 or places.size >= 3:
            return step, phase
    return None


def _labels(
    members: Marks, series: Series, long: np.ndarray, zero: int, tick_mm: float, every: Marks
) -> tuple[int, int]:
    """How many labels have the number of digits of the depth in cm at their mark, and how many have not.

    A label is a row of characters of one height beside a long mark; characters are counted, not read.
    """
    fits = contradicts = 0
    for x, y, place in zip(members.x[long], members.y[long], series.index[long], strict=True):
        depth_cm = (place - zero) * tick_mm / 10
        if place <= zero or depth_cm != round(depth_cm):
            continue
        digits = _digits_beside(x, y, members, every)
        if digits == 0:
            continue
        if digits == len(str(round(depth_cm))):
            fits += 1
        else:
            contradicts += 1
    return fits, contradicts


def _digits_beside(x: float, y: float, members: Marks, every: Marks) -> int:
    """Number of characters in the label beside the mark at ``(x, y)``; 0 where there is none or it is unclear."""
    height = float(np.median(members.height))
    mine = np.isin(every.x + 1j * every.y, members.x + 1j * members.y)
    character = ~mine & (every.height >= 5) & (every.width <= 1.3 * every.height) & (every.height > 1.2 * height)
    characters = every.take(character)
    # The label stands within three characters' height of the mark and in its row.
    away_x, away_y = np.abs(characters.x - x), np.abs(characters.y - y)
    beside = (away_y <= 1.2 * characters.height) & (away_x <= 3 * characters.height + float(members.width.max()))
    if not beside.any():
        return 0
    nearest = int(np.where(beside, np.hypot(away_x, away_y), np.inf).argmin())
    tall, row = characters.height[nearest], characters.y[nearest]
    same = (np.abs(characters.y - row) <= 2) & (np.abs(characters.height - tall) <= 2)
    xs = np.sort(characters.x[same])
    anchor = int(np.searchsorted(xs, characters.x[nearest]))
    count = 1
    for step in (-1, 1):
        k = anchor
        while 0 <= k + step < xs.size and abs(xs[k + step] - xs[k]) <= 1.3 * tall:
            k += step
            count += 1
    return count if count <= 3 else 0
