"""The tests' own recipe and drawings (brightness_recipe, drawn_cohort) are imported by name from this folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
