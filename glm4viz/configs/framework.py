"""What a framework declares of its training configs. Its file in this package has one `FRAMEWORK`; adding a file adds a framework."""

from collections.abc import Callable
from dataclasses import dataclass

from glm4viz.configs.notes import TrainingConfig
from glm4viz.configs.parsing import Config


def _never(_: Config) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Framework:
    """signs: keys that only its configs have, of those that one is likely to hold. read: raises ConfigError.

    program: its command in a shell script. likely: is it probably its config, though no framework's signs are there?
    inside: the framework whose trainer it is used with, and whose signs may therefore stand beside its own.
    """

    name: str
    signs: frozenset[str]
    read: Callable[[Config], TrainingConfig]
    program: str = ""
    likely: Callable[[Config], bool] = _never
    inside: str = ""
