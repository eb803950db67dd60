"""The result as Slicer nodes: volume, segmentation, ROIs, table, study, ``.mrb`` and slice view.

The scene is passed in, so the same functions serve the running application and the ``slicer-core`` package.
"""
