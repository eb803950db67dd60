"""The module's layouts of views: the image above two plots, of the measurement or of the agreement of readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import slicer

IMAGE_VIEW = "Red"
LAYOUT_ID, AGREEMENT_LAYOUT_ID = 40721, 40722  # any numbers that no other module uses
HISTOGRAM_VIEW, FRAMES_VIEW = "HriHistogram", "HriFrames"
SCATTER_VIEW, BLAND_ALTMAN_VIEW = "HriScatter", "HriBlandAltman"
_LAYOUT = """
<layout type="vertical" split="true">
 <item splitSize="{image}">
  <view class="vtkMRMLSliceNode" singletontag="Red">
   <property name="orientation" action="default">Axial</property>
   <property name="viewlabel" action="default">R</property>
   <property name="viewcolor" action="default">#F34A33</property>
  </view>
 </item>
 <item splitSize="{plots}">
  <layout type="horizontal" split="true">
   <item splitSize="500">
    <view class="vtkMRMLPlotViewNode" singletontag="{left}">
     <property name="viewlabel" action="default">{leftLabel}</property>
    </view>
   </item>
   <item splitSize="500">
    <view class="vtkMRMLPlotViewNode" singletontag="{right}">
     <property name="viewlabel" action="default">{rightLabel}</property>
    </view>
   </item>
  </layout>
 </item>
</layout>
"""
_MEASUREMENT = {
    "image": 700,
    "plots": 300,
    "left": HISTOGRAM_VIEW,
    "leftLabel": "H",
    "right": FRAMES_VIEW,
    "rightLabel": "F",
}
_AGREEMENT = {
    "image": 300,
    "plots": 700,
    "left": SCATTER_VIEW,
    "leftLabel": "S",
    "right": BLAND_ALTMAN_VIEW,
    "rightLabel": "B",
}
_LAYOUTS = {LAYOUT_ID: _LAYOUT.format(**_MEASUREMENT), AGREEMENT_LAYOUT_ID: _LAYOUT.format(**_AGREEMENT)}


def registerLayout(layouts: Mapping[int, str] = _LAYOUTS) -> None:
    """Make layouts, number -> XML description, known to the application.

    Done when the application starts: scenes and settings name a layout by its number, and with an unknown one the
    application shows no views at all.
    """
    layoutManager = slicer.app.layoutManager()
    if layoutManager is None:
        return
    layoutNode = layoutManager.layoutLogic().GetLayoutNode()
    for identifier, description in layouts.items():
        if not layoutNode.IsLayoutDescription(identifier):
            layoutNode.AddLayoutDescription(identifier, description)
        if layoutNode.GetViewArrangement() == identifier:  # restored from the settings before it was known
            layoutNode.SetViewArrangement(identifier)


def sliceWidget():
    """The Red slice view, None where the application has no views (as in automatic tests)."""
    layoutManager = slicer.app.layoutManager()
    return layoutManager.sliceWidget(IMAGE_VIEW) if layoutManager is not None else None


def setLayout(identifier: int, whenSized: Callable[[], None] | None = None) -> None:
    """Choose a layout. When the views have their new sizes ``whenSized()`` is called, else the image is fitted anew:
    the new size cuts it off at its sides.
    """
    import qt

    slicer.app.layoutManager().setLayout(identifier)
    qt.QTimer.singleShot(0, whenSized or fitImage)


def fitImage() -> None:
    """Show the image as a whole."""
    shown = sliceWidget()
    if shown is not None:
        shown.fitSliceToBackground()


def focusImage() -> None:
    """Let the image have the keys, not a text of the panel: a button that is disabled passes its focus on."""
    shown = sliceWidget()
    if shown is not None:
        shown.sliceView().setFocus()
