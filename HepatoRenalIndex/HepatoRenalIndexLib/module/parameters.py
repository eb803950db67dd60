"""All state of the module that is saved with the scene."""

from typing import Annotated

from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLMarkupsLineNode,
    vtkMRMLMarkupsROINode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
)
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper

from ..inference.device import DEVICE_CHOICES
from ..measurement.registry import DEFAULT_PLACEMENT, PLACEMENTS

NODE_PARAMETERS = ("inputVolume", "segmentation", "liverRoi", "kidneyRoi", "resultTable", "rulerLine", "classMap")


@parameterNodeWrapper
class HepatoRenalIndexParameterNode:
    """
    inputVolume - Image to measure: a volume of one slice, gray or color, or the one in which a browser shows a clip.
    segmentation - Liver and right kidney of the input.
    liverRoi, kidneyRoi - The two ROIs of the input.
    resultTable - One row per measurement.
    rulerLine - Line drawn over the depth ruler of the image.
    rulerLength - Its length in mm as the ruler says.
    userSpacing - Pixel spacing in mm that the user gave for the input; 0 is none: DICOM header or ruler are used.
    placement - Name of the ROI placement.
    roiSize - Side of the square ROIs in mm.
    wholeClip - Measure all frames of a clip, not only the one shown.
    showClassMap - Show the mixture classes of the tissue over the image.
    classMap - The volume with the mixture classes.
    showCornerText - Write the result into the corner of the slice view.
    keepAnnotations - Pictures keep what the scanner wrote beside the image, a patient's name included.
    device - Where the network runs.
    modelFolder - MONAI bundle to use; empty for the one of the extension.
    studyFolder - Folder of the reader study.
    studyImages - Folder of its images where they do not lie where the study says; empty where they do.
    studyReader, studySession - Who reads it, for the how manieth time.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    liverRoi: vtkMRMLMarkupsROINode
    kidneyRoi: vtkMRMLMarkupsROINode
    resultTable: vtkMRMLTableNode
    rulerLine: vtkMRMLMarkupsLineNode
    rulerLength: Annotated[float, WithinRange(1, 400)] = 50.0
    userSpacing: Annotated[float, WithinRange(0, 2)] = 0.0
    placement: Annotated[str, Choice(list(PLACEMENTS))] = DEFAULT_PLACEMENT
    roiSize: Annotated[float, WithinRange(2, 60)] = 15.0
    wholeClip: bool = True
    showClassMap: bool = False
    classMap: vtkMRMLLabelMapVolumeNode
    showCornerText: bool = True
    keepAnnotations: bool = False
    device: Annotated[str, Choice(list(DEVICE_CHOICES))] = "auto"
    modelFolder: str = ""
    studyFolder: str = ""
    studyImages: str = ""
    studyReader: str = ""
    studySession: Annotated[int, WithinRange(1, 99)] = 1
