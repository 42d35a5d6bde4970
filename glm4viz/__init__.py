"""glm4viz: see, token by token, what a GLM-4 fine-tune will and won't be taught."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glm4viz.public import *  # noqa: F403  # for type checkers and editors
    from glm4viz.public import __all__ as __all__

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The public names are imported when one is first asked for: a command that needs one room doesn't wait for all."""
    if name.startswith("__") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("glm4viz.public"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("glm4viz.public").__all__})
