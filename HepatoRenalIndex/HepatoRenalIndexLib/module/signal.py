"""Signals between logic and widget in plain Python: custom signals of PythonQt are not safe to use."""

from __future__ import annotations

from collections.abc import Callable


class Signal:
    """Calls everything that is connected, in the order of connecting."""

    def __init__(self):
        self._slots: list[Callable] = []

    def connect(self, slot: Callable) -> None:
        self._slots.append(slot)

    def disconnect(self, slot: Callable) -> None:
        """Unknown slots are no error: a widget may be cleaned up twice."""
        self._slots = [known for known in self._slots if known != slot]

    def emit(self, *arguments) -> None:
        for slot in tuple(self._slots):
            slot(*arguments)
