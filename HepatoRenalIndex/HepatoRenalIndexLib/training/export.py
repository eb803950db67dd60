"""Putting trained weights and their figures into the bundle."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any


def install_weights(bundle: Path, final: Path, folds: list[Path]) -> None:
    """Copy weights into ``bundle/models`` and write their digests into ``configs/metadata.json``."""
    metadata = read_metadata(bundle)
    (bundle / "models").mkdir(exist_ok=True)
    metadata["weights"] = _copy(final, bundle, "model")
    metadata["fold_weights"] = [_copy(path, bundle, f"fold{index}") for index, path in enumerate(folds)]
    write_json(bundle / "configs" / "metadata.json", metadata)


def read_metadata(bundle: Path) -> dict[str, Any]:
    """``configs/metadata.json`` of a bundle."""
    return json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write JSON in one operation; an interruption leaves the previous file."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def _copy(source: Path, bundle: Path, name: str) -> dict[str, str]:
    target = bundle / "models" / f"{name}.safetensors"
    temporary = target.with_suffix(".tmp")
    shutil.copyfile(source, temporary)
    temporary.replace(target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    return {"file": f"models/{target.name}", "sha256": digest}
