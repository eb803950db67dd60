"""Slicer to work in: the running application, or a scene of our own on the ``slicer-core`` package."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from typing import Any

from ..imaging.image import InputError

# Module logics that register the node classes and the file formats of a case, by their name in the application.
_LOGICS = {
    "Colors": "vtkMRMLColorLogic",
    "Units": "vtkSlicerUnitsLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
}


@dataclass(frozen=True)
class Runtime:
    """A scene with the logics that serve it. Keep it as long as the scene is used.

    ``scene`` is a ``vtkMRMLScene``, ``application_logic`` a ``vtkMRMLApplicationLogic`` that knows the module logics
    by name (``application_logic.GetModuleLogic("Segmentations")``). ``desktop`` says whether Slicer itself runs.
    """

    scene: Any
    application_logic: Any
    desktop: bool
    _kept: tuple = field(default=(), repr=False)  # module logics: the application logic does not own them


def start(own_scene: bool = False) -> Runtime:
    """The scene of the running Slicer, or a new empty scene made with ``slicer-core``.

    ``own_scene`` asks for a new scene in the running Slicer as well, for work that must not touch the user's.
    Raises ``InputError`` where neither 3D Slicer nor ``slicer-core`` is there, and in ``PythonSlicer``.
    """
    try:
        import slicer
    except ImportError as error:
        raise InputError(
            "Slicer scenes need 3D Slicer or the slicer-core package (Python 3.11 to 3.13): "
            "install slicer-core, or work without a scene."
        ) from error
    application = getattr(slicer, "app", None)
    if application is None:
        import vtk

        # Slicer reports on the terminal, with paths; what went wrong is told by exceptions instead.
        vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)
    elif not own_scene:
        return Runtime(slicer.mrmlScene, application.applicationLogic(), desktop=True)
    return _new_scene(slicer, desktop=application is not None)


def _new_scene(slicer, desktop: bool) -> Runtime:
    import vtk

    if not all(hasattr(slicer, name) for name in ("vtkMRMLScene", *_LOGICS.values())):
        # PythonSlicer, the interpreter beside the application, has the nodes but not the modules.
        raise InputError(
            "This Python of Slicer has no modules to make scenes with: run it in the Slicer application, "
            "or work without a scene."
        )
    scene = slicer.vtkMRMLScene()
    # Sequences are bundles in the bundle, which Slicer packs and unpacks in its cache folder.
    cache_folder = tempfile.TemporaryDirectory(prefix="slicer-cache-")
    cache, data_io = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
    cache.SetRemoteCacheDirectory(cache_folder.name)
    data_io.SetCacheManager(cache)
    scene.SetDataIOManager(data_io)
    application_logic = slicer.vtkSlicerApplicationLogic()
    application_logic.SetMRMLScene(scene)
    # Without these collections the application logic reads null pointers when views come or a scene is loaded.
    views = vtk.vtkCollection(), vtk.vtkCollection()
    application_logic.SetSliceLogics(views[0])
    application_logic.SetViewLogics(views[1])
    logics = []
    for name, class_name in _LOGICS.items():
        logic = getattr(slicer, class_name)()
        logic.SetMRMLApplicationLogic(application_logic)
        logic.SetMRMLScene(scene)
        application_logic.SetModuleLogic(name, logic)
        logics.append(logic)
    application_logic.GetModuleLogic("Colors").AddDefaultColorNodes()
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    return Runtime(scene, application_logic, desktop=desktop, _kept=(*logics, *views, cache_folder))
