"""Liver fat from one or several ultrasound views: the library under the SteatosisEstimator module.

Built on ``HepatoRenalIndexLib``, which is found beside it: reading, scan geometry, segmentation, statistics. The rooms
are in ``docs/architecture.md``.
"""
