"""Undo and redo of corrections: states of frames before each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .frameState import FrameState

MOST_STEPS = 30
MOST_FRAMES = 400  # of all steps together: measuring a clip is a step of many frames

States = Mapping[int, FrameState]


class History:
    """Steps of one input. A step holds the states that its frames had before it."""

    def __init__(self):
        self._undo: list[States] = []
        self._redo: list[States] = []

    @property
    def canUndo(self) -> bool:
        return bool(self._undo)

    @property
    def canRedo(self) -> bool:
        return bool(self._redo)

    def record(self, before: States, now: States | None = None) -> None:
        """A step was made: remember what was there before it.

        ``now`` is what it led to: the Segment Editor has an Undo of its own, and what that takes back is no new step.
        """
        for source, target in ((self._undo, self._redo), (self._redo, self._undo)):
            if now is not None and source and _isRepainted(before, now, source[-1]):
                source.pop()
                target.append(dict(before))
                return
        self._undo.append(dict(before))
        self._redo.clear()
        frames = sum(len(step) for step in self._undo)
        while len(self._undo) > MOST_STEPS or (frames > MOST_FRAMES and len(self._undo) > 1):
            frames -= len(self._undo.pop(0))

    def undo(self, current: Callable[[int], FrameState]) -> States:
        """States to put back; ``current`` tells what a frame holds now."""
        return self._step(self._undo, self._redo, current)

    def redo(self, current: Callable[[int], FrameState]) -> States:
        return self._step(self._redo, self._undo, current)

    @staticmethod
    def _step(source: list[States], target: list[States], current: Callable[[int], FrameState]) -> States:
        if not source:
            return {}
        states = source.pop()
        target.append({frame: current(frame) for frame in states})
        return states


def _isRepainted(before: States, now: States, kept: States) -> bool:
    """Whether the outlines changed, to those that were kept."""
    if not now.keys() == before.keys() == kept.keys():
        return False
    return all(not now[frame].sameMasks(before[frame]) and now[frame].sameByHand(kept[frame]) for frame in now)
