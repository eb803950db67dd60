"""Simulated subjects with known liver fat, in the views of the published systems."""
