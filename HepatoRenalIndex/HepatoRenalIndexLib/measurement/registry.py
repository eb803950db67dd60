"""The placements by name."""

from __future__ import annotations

from .placement import Placement
from .published import NAME as PUBLISHED
from .published import place_published
from .representative import NAME as REPRESENTATIVE
from .representative import place_representative

PLACEMENTS: dict[str, Placement] = {REPRESENTATIVE: place_representative, PUBLISHED: place_published}
DEFAULT_PLACEMENT = REPRESENTATIVE
