"""``python -m HepatoRenalIndexLib.commands ...`` is ``liver-ultrasound ...``, also for Slicer's own Python."""

from __future__ import annotations

import sys

from .main import main

sys.exit(main())
