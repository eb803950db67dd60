"""The module in the Slicer application: views assigned, a model chosen, fat estimated, shown and kept.

Written in Slicer, so in Slicer's style (camelCase) and with ``slicer`` imported at the top. What it has in common with
the module of the hepatorenal index (processes, installing, loading, plots, sources of images) is imported from there.
Everything but ``widget`` and the panels works without Qt.
"""
