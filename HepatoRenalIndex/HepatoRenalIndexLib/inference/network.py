"""Building a network from a bundle's ``network_def``, without running code that the bundle brings.

MONAI's configuration language can evaluate Python (``$...``), import and call anything (``_target_``), pull in other
files (``%...``) and start a debugger (``_mode_``). A model that is pointed at may come from anywhere, so a
``network_def`` is accepted only as plain values and targets from an allow-list: the networks of ``monai.networks.nets``
and this library's ICNet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..imaging.image import InputError

OWN_NETWORKS = ("HepatoRenalIndexLib.inference.icnet.ICNet",)
# One name after the package: a longer path could walk through a module's imports to any function.
MONAI_NETWORK = re.compile(r"monai\.networks\.nets\.[A-Za-z][A-Za-z0-9]*")
LARGEST_NETWORK = 200_000_000  # parameters


class BundleError(InputError):
    """A bundle that cannot be used. The message is one sentence: what is wrong, what to do."""


def build_network(definition: Any):
    """The ``torch.nn.Module`` that a ``network_def`` describes, with untrained weights, through MONAI's ConfigParser.

    Raises :class:`BundleError` for anything but plain values and allowed targets, and for arguments that the network
    refuses.
    """
    check_definition(definition)
    from monai.bundle import ConfigParser
    from torch import nn

    own = definition["_target_"] in OWN_NETWORKS
    if own:
        # The class itself, so that the library also works under another package name than the target's.
        from .icnet import ICNet

        located = ICNet
    else:
        from monai.networks import nets

        located = getattr(nets, definition["_target_"].rsplit(".", 1)[1], None)
    if not (isinstance(located, type) and issubclass(located, nn.Module)):
        raise BundleError(
            f"The bundle's network {definition['_target_']} is not a network class of this MONAI version."
        )
    config = {**definition, "_target_": f"{located.__module__}.{located.__qualname__}"}
    try:
        network = ConfigParser({"network_def": config}).get_parsed_content("network_def")
    except Exception as error:  # whatever a network's constructor raises becomes one sentence
        reason = str(error.__cause__ or error).splitlines()[0]
        raise BundleError(f"The bundle's network_def cannot be built: {reason[:200]}.") from error
    if sum(parameter.numel() for parameter in network.parameters()) > LARGEST_NETWORK:
        raise BundleError("The bundle's network is larger than 200 million parameters; use a smaller one.")
    return network


def check_definition(definition: Any) -> None:
    """Refuse a ``network_def`` that could run code, read other files or download."""
    if not isinstance(definition, Mapping) or not isinstance(definition.get("_target_"), str):
        raise BundleError("The bundle's inference.json has no network_def with a _target_; it cannot be used.")
    for key, value in _walk(definition):
        if isinstance(value, str) and value.lstrip()[:1] in ("$", "%", "@"):
            raise BundleError(
                f"The bundle's network_def contains the expression {value[:40]!r}; expressions and references could "
                "run code, so only plain values are accepted."
            )
        if key in ("_requires_", "_mode_", "_disabled_"):
            raise BundleError(f"The bundle's network_def uses {key}, which could run code; remove it.")
        if key == "_target_" and not _allowed(value):
            raise BundleError(
                f"The bundle's network_def asks for {str(value)[:80]!r}; only monai.networks.nets.* and "
                f"{OWN_NETWORKS[0]} are accepted."
            )
        if "pretrained" in key.lower() and value not in (None, False):
            raise BundleError(f"The bundle's network_def asks to download weights ({key}); set it to false.")


def _allowed(target: Any) -> bool:
    return isinstance(target, str) and (target in OWN_NETWORKS or MONAI_NETWORK.fullmatch(target) is not None)


def _walk(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a nested configuration with the key it stands under."""
    yield key, node
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _walk(value, str(name))
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value, key)
