"""Observers of nodes, kept as a set: asked for what is wanted, they add and remove what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class NodeObservers:
    """Observers with one callback each per node and event."""

    def __init__(self):
        self._tags: dict[tuple, tuple[object, int]] = {}

    def observe(self, wanted: Iterable[tuple[object, int, Callable]]) -> None:
        """Observe exactly these ``(node, event, callback)``, and nothing that was observed before."""
        wanted = {(id(node), event, callback): node for node, event, callback in wanted}
        for key in [key for key, (node, _tag) in self._tags.items() if wanted.get(key) is not node]:
            node, tag = self._tags.pop(key)
            node.RemoveObserver(tag)
        for key, node in wanted.items():
            if key not in self._tags:
                _identity, event, callback = key
                self._tags[key] = (node, node.AddObserver(event, callback))

    def clear(self) -> None:
        self.observe(())
