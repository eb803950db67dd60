"""The recipes by name, imported when one is asked for: most of them bring PyTorch."""

from __future__ import annotations

from importlib import import_module

from .base import Recipe, RecipeError

_MODULES = {
    "liver-kidney-default": "liver_kidney_default",
    "vgg19-clkl": "vgg19_clkl",
    "resnet50-sparse": "resnet50_sparse",
    "cnn5-clip": "cnn5_clip",
}
RECIPES = tuple(_MODULES)


def get_recipe(name: str) -> Recipe:
    """The recipe of a name: the ``RECIPE`` of its package. :class:`RecipeError` for another name."""
    if name not in _MODULES:
        raise RecipeError(f"There is no recipe {name!r}; choose one of {', '.join(RECIPES)}.")
    return import_module(f".{_MODULES[name]}.recipe", __package__).RECIPE
