"""The systems that estimate liver fat, each under its own name with one interface (``base.py``)."""
