"""All state of the module that is saved with the scene."""

from typing import Annotated

from HepatoRenalIndexLib.inference.device import DEVICE_CHOICES
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLTableNode
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper

from .vocabulary import EXPLANATIONS

NODE_PARAMETERS = (
    "liver", "kidneyLiver", "hepaticVeins", "rightPortalVein", "rightPosteriorPortalVein", "liverKidney", "ar", "hr",
    "estimateTable", "viewTable", "frameTable", "contributionTable", "overlay",
)  # fmt: skip


@parameterNodeWrapper
class SteatosisEstimatorParameterNode:
    """
    liver ... hr - Image or clip of each view: a volume of one slice, or the one in which a browser shows a clip.
    subject - Name of the subject in the tables, a study code.
    modelName - Name of a model that comes with the software; empty for the default.
    modelFolder - MONAI bundle to use instead; empty for none.
    allViews - Offer all views, not only those that the model can use.
    estimateTable - One row per subject and model.
    viewTable, frameTable, contributionTable - What views, frames and measurements say of them.
    clipFrames - How many frames of a clip are used; 0 is as many as the model takes.
    explanation - What is drawn over the images.
    explainedFrames - How many frames of a clip are explained.
    overlay - The volume with the explanation of the image shown.
    showOverlay - Show it over the image.
    overlayOpacity - How much of the image it covers.
    device - Where networks run.
    """

    liver: vtkMRMLScalarVolumeNode
    kidneyLiver: vtkMRMLScalarVolumeNode
    hepaticVeins: vtkMRMLScalarVolumeNode
    rightPortalVein: vtkMRMLScalarVolumeNode
    rightPosteriorPortalVein: vtkMRMLScalarVolumeNode
    liverKidney: vtkMRMLScalarVolumeNode
    ar: vtkMRMLScalarVolumeNode
    hr: vtkMRMLScalarVolumeNode
    subject: str = ""
    modelName: str = ""
    modelFolder: str = ""
    allViews: bool = False
    estimateTable: vtkMRMLTableNode
    viewTable: vtkMRMLTableNode
    frameTable: vtkMRMLTableNode
    contributionTable: vtkMRMLTableNode
    clipFrames: Annotated[int, WithinRange(0, 1000)] = 0
    explanation: Annotated[str, Choice(list(EXPLANATIONS))] = "grad-cam"
    explainedFrames: Annotated[int, WithinRange(1, 100)] = 5
    overlay: vtkMRMLScalarVolumeNode
    showOverlay: bool = True
    overlayOpacity: Annotated[float, WithinRange(0, 1)] = 0.6
    device: Annotated[str, Choice(list(DEVICE_CHOICES))] = "auto"
