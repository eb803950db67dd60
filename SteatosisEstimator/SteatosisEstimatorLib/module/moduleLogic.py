"""The logic as the application knows it."""

from __future__ import annotations

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from .console import ConsoleLogic
from .parameters import NODE_PARAMETERS, SteatosisEstimatorParameterNode


class SteatosisEstimatorLogic(ConsoleLogic, ScriptedLoadableModuleLogic):
    __doc__ = ConsoleLogic.__doc__

    def __init__(self, schedule=None) -> None:
        """``schedule`` is given by the panel; a logic without it is brought up to date with ``refresh``."""
        ScriptedLoadableModuleLogic.__init__(self)
        self._wrapper = None
        ConsoleLogic.__init__(self, slicer.mrmlScene, self.getParameterNode, schedule)

    def getParameterNode(self) -> SteatosisEstimatorParameterNode:
        """The parameters of the module in the present scene."""
        node = ScriptedLoadableModuleLogic.getParameterNode(self)
        if self._wrapper is None or self._wrapper.parameterNode is not node:
            self._wrapper = SteatosisEstimatorParameterNode(node)
        elif any(getattr(self._wrapper, name) is not node.GetNodeReference(name) for name in NODE_PARAMETERS):
            # The wrapper keeps the nodes that it read when the parameter node was last modified. A scene that is opened
            # brings them after that, and one that is deleted modifies nothing.
            node.Modified()
        return self._wrapper
