"""Python packages that the network needs: installed when it is asked for, with the user's consent.

PyTorch comes through the PyTorch extension alone, the rest through ``slicer.packaging``. Everything that goes wrong
ends in an ``InputError`` with one sentence that says what to do. Without these packages, organs outlined and ROIs
placed by hand are measured all the same.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path
from subprocess import CalledProcessError

import slicer
from slicer.i18n import tr as _

from ..imaging.image import InputError

TORCH_REQUIREMENT = ">=2.4"
REQUIREMENTS = Path(__file__).resolve().parents[2] / "Resources" / "requirements.txt"


class Installer:
    """Sees to it that the network can run.

    ``packages`` are the names by which it imports what it needs, ``requirements`` the file that lists what ``pip`` has
    to install of them, ``requester`` the module that asks, ``otherwise`` what the user can do without.
    """

    def __init__(
        self,
        packages: Sequence[str] = ("torch", "monai", "safetensors"),
        requirements: Path = REQUIREMENTS,
        requester: str = "",
        otherwise: str = "",
    ):
        self._packages = tuple(packages)
        self._requirements = requirements
        self._requester = requester or _("Hepatorenal Index")
        self._otherwise = otherwise or _("or outline the organs by hand")

    def missing(self) -> list[str]:
        """Names of the packages that are not there."""
        return [name for name in self._packages if importlib.util.find_spec(name) is None]

    def hasTorch(self) -> bool:
        """Whether PyTorch is there as a whole: an installation that was interrupted has no list of its files."""
        try:
            return importlib.util.find_spec("torch") is not None and bool(importlib.metadata.files("torch"))
        except importlib.metadata.PackageNotFoundError:
            return False

    def ensure(self) -> None:
        """Install what is missing, after asking. Raises ``InputError`` where that is refused or fails."""
        if getattr(slicer, "app", None) is None:  # outside the application: the environment is the user's own
            if self.missing():
                raise InputError(
                    _("Python packages are missing: {names}; install them.").format(names=", ".join(self.missing()))
                )
            return
        if not self.hasTorch():
            self._installTorch()
        self._refuseOldTorch()
        self._ensureRest()

    def _installTorch(self) -> None:
        try:
            import PyTorchUtils
        except ImportError:
            raise InputError(
                _(
                    "The extension PyTorch is missing: install it in the Extensions Manager and restart Slicer, "
                    "{otherwise}."
                ).format(otherwise=self._otherwise)
            ) from None
        logic = PyTorchUtils.PyTorchUtilsLogic()
        try:
            installed = logic.torchInstalled()
        except Exception:  # a half installed torch raises whatever its import leads to
            raise InputError(
                _(
                    "PyTorch is installed incompletely: open the module PyTorch Utils, uninstall PyTorch, "
                    "restart Slicer and try again."
                )
            ) from None
        if installed:
            return
        if slicer.app.testingEnabled():
            raise InputError(_("PyTorch is not installed."))
        try:
            torch = logic.installTorch(askConfirmation=True, torchVersionRequirement=TORCH_REQUIREMENT)
        except CalledProcessError:
            raise InputError(
                _(
                    "PyTorch could not be installed: check the network connection, the proxy and the free disk space, "
                    "{otherwise}."
                ).format(otherwise=self._otherwise)
            ) from None
        except Exception as error:
            raise InputError(
                _("PyTorch could not be installed ({reason}): try again in the module PyTorch Utils.").format(
                    reason=_shortened(error)
                )
            ) from error
        if torch is None:
            raise InputError(
                _("PyTorch was not installed, and the network needs it: try again and agree, {otherwise}.").format(
                    otherwise=self._otherwise
                )
            )

    @staticmethod
    def _refuseOldTorch() -> None:
        import slicer.packaging

        if not slicer.packaging.pip_check(f"torch{TORCH_REQUIREMENT}"):
            raise InputError(
                _(
                    "PyTorch {version} is too old for the network: uninstall it in the module PyTorch Utils, restart "
                    "Slicer and try again."
                ).format(version=importlib.metadata.version("torch"))
            )

    def _ensureRest(self) -> None:
        import slicer.packaging

        try:
            with tempfile.TemporaryDirectory(prefix="hepatorenal-") as folder:
                # Nothing that is installed here may bring another PyTorch with it.
                constraints = Path(folder) / "constraints.txt"
                constraints.write_text(f"torch=={importlib.metadata.version('torch')}\n", encoding="utf-8")
                slicer.packaging.pip_ensure(
                    slicer.packaging.load_requirements(self._requirements),
                    constraints=constraints,
                    requester=self._requester,
                )
        except CalledProcessError:
            raise InputError(
                _(
                    "Python packages could not be installed: check the network connection and the proxy, {otherwise}."
                ).format(otherwise=self._otherwise)
            ) from None
        except RuntimeError:
            raise InputError(
                _(
                    "The packages were not installed, and the network needs them: try again and agree, {otherwise}."
                ).format(otherwise=self._otherwise)
            ) from None
        if self.missing() and not slicer.app.testingEnabled():
            raise InputError(
                _("Python packages are still missing ({names}): restart Slicer and try again.").format(
                    names=", ".join(self.missing())
                )
            )
        if self.missing():
            raise InputError(_("Python packages are not installed."))


def _shortened(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__
