"""The commands that this library adds to ``liver-ultrasound``."""
