"""Hepatorenal index (HRI) from greyscale ultrasound: the library under the HepatoRenalIndex module.

Rooms, from the bottom up (see ``docs/architecture.md``): ``imaging``, ``geometry``, ``measurement``,
``statistics`` and ``simulation`` are numpy/scipy only; ``inference`` and ``training`` know torch;
``scene`` knows Slicer's MRML; ``pipeline``, ``validation`` and ``commands`` put them together.
"""

__version__ = "0.1.0"
