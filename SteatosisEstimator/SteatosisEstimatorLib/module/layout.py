"""The module's layout of views: the image above the curve of a clip."""

from __future__ import annotations

import slicer
from HepatoRenalIndexLib.module.layout import registerLayout as registerLayouts
from HepatoRenalIndexLib.module.layout import setLayout

LAYOUT_ID = 40731  # any number that no other module uses
FRAMES_VIEW = "LiverFatFrames"
_LAYOUT = f"""
<layout type="vertical" split="true">
 <item splitSize="700">
  <view class="vtkMRMLSliceNode" singletontag="Red">
   <property name="orientation" action="default">Axial</property>
   <property name="viewlabel" action="default">R</property>
   <property name="viewcolor" action="default">#F34A33</property>
  </view>
 </item>
 <item splitSize="300">
  <view class="vtkMRMLPlotViewNode" singletontag="{FRAMES_VIEW}">
   <property name="viewlabel" action="default">F</property>
  </view>
 </item>
</layout>
"""


def registerLayout() -> None:
    """Make the layout known to the application, when it starts: settings name it by its number."""
    registerLayouts({LAYOUT_ID: _LAYOUT})


def showImageAndCurve(scene) -> None:
    """Show the image above the curve. The plot view follows the chart from then on."""
    registerLayout()
    setLayout(LAYOUT_ID)
    connectPlotView(scene)


def fitPlot() -> None:
    """Let the axes of the plot fit the curve: by itself the application keeps those of the curve before."""
    layoutManager = slicer.app.layoutManager()
    for index in range(layoutManager.plotViewCount if layoutManager is not None else 0):
        plot = layoutManager.plotWidget(index)
        if plot.mrmlPlotViewNode().GetSingletonTag() == FRAMES_VIEW:
            plot.plotView().fitToContent()


def connectPlotView(scene) -> None:
    """Let the plot view of the layout show the chart, where both exist."""
    from . import framesPlot  # here: the layout is registered while the application starts, without numpy

    view = scene.GetSingletonNode(FRAMES_VIEW, "vtkMRMLPlotViewNode")
    chart = framesPlot.findChart(scene, framesPlot.FAT_FRAMES)
    if view is not None and chart is not None and view.GetPlotChartNodeID() != chart.GetID():
        view.SetPlotChartNodeID(chart.GetID())
