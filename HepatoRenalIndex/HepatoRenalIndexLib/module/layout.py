"""The module's layout of views: the image above the plots."""

from __future__ import annotations

import slicer

LAYOUT_ID = 40721  # any number that no other module uses
HISTOGRAM_VIEW, FRAMES_VIEW = "HriHistogram", "HriFrames"
_LAYOUT = """
<layout type="vertical" split="true">
 <item splitSize="700">
  <view class="vtkMRMLSliceNode" singletontag="Red">
   <property name="orientation" action="default">Axial</property>
   <property name="viewlabel" action="default">R</property>
   <property name="viewcolor" action="default">#F34A33</property>
  </view>
 </item>
 <item splitSize="300">
  <layout type="horizontal" split="true">
   <item splitSize="500">
    <view class="vtkMRMLPlotViewNode" singletontag="HriHistogram">
     <property name="viewlabel" action="default">H</property>
    </view>
   </item>
   <item splitSize="500">
    <view class="vtkMRMLPlotViewNode" singletontag="HriFrames">
     <property name="viewlabel" action="default">F</property>
    </view>
   </item>
  </layout>
 </item>
</layout>
"""


def registerLayout() -> None:
    """Make the layout known to the application.

    Done when the application starts: scenes and settings name a layout by its number, and with an unknown one the
    application shows no views at all.
    """
    layoutManager = slicer.app.layoutManager()
    if layoutManager is None:
        return
    layoutNode = layoutManager.layoutLogic().GetLayoutNode()
    if not layoutNode.IsLayoutDescription(LAYOUT_ID):
        layoutNode.AddLayoutDescription(LAYOUT_ID, _LAYOUT)
    if layoutNode.GetViewArrangement() == LAYOUT_ID:  # restored from the settings before it was known
        layoutNode.SetViewArrangement(LAYOUT_ID)
