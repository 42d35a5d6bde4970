"""Bring your training config: from the file that starts a training run to the recipe and the limit that show what it trains.

    found = read_training_config(Path("lora.yaml"))     # or the text itself, or bytes
    found.recipe_id, found.max_length                   # for label(messages, found.recipe_id, max_length=found.max_length)
    found.decided_by                                    # which keys decided it, and why
    found.not_honoured                                  # keys that change what is trained, which glm4viz can't follow

Understood are YAML, JSON and shell command lines of the frameworks that have a file here. What isn't raises `ConfigError`, whose
sentence says what to do.
"""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from glm4viz import configs
from glm4viz.configs.framework import Framework
from glm4viz.configs.notes import TrainingConfig
from glm4viz.configs.parsing import Config, ConfigError, parse, text_of
from glm4viz.conversation import shown

_OTHER_TASKS = ("pt", "rlhf", "dpo", "kto", "grpo", "reward", "infer", "export", "eval", "deploy", "chat", "api")


def read_training_config(config: str | bytes | Path) -> TrainingConfig:
    """Read a config: a Path is a file; a text is the config itself, or the name of a file. Raises ConfigError."""
    values, words = parse(text_of(config))
    framework = _started_by(words) or _recognised(values)
    return framework.read(values)


@cache
def frameworks() -> tuple[Framework, ...]:
    """Every framework whose configs can be read, GLM-4's own scripts first."""
    names = sorted((info.name for info in iter_modules(configs.__path__)), key=lambda name: (name != "glm4", name))
    modules = [import_module(f"{configs.__name__}.{name}") for name in names]
    return tuple(module.FRAMEWORK for module in modules if hasattr(module, "FRAMEWORK"))


def _started_by(words: Sequence[str]) -> Framework | None:
    """The framework whose program a command line calls. Raises ConfigError if it isn't called to fine-tune."""
    programs = {framework.program: framework for framework in frameworks() if framework.program}
    names = [Path(word).name for word in words]
    at = next((at for at, name in enumerate(names) if name in programs), None)
    if at is None:
        return None
    for word in words[at + 1 :]:
        if word in _OTHER_TASKS:
            raise ConfigError(
                f"This command is for {word}; glm4viz shows supervised fine-tuning (sft).",
                f"这条命令用于 {word}；glm4viz 展示的是监督微调（sft）。",
            )
    return programs[names[at]]


def _recognised(values: Config) -> Framework:
    """The framework whose signs are among the keys, or else the one that finds the config likely to be its own."""
    found = [framework for framework in frameworks() if framework.signs & values.keys()]
    within = {framework.inside for framework in found}
    found = [framework for framework in found if framework.name not in within]
    found = found or [framework for framework in frameworks() if framework.likely(values)]
    if len(found) == 1:
        return found[0]
    if not found:
        names = ", ".join(framework.name for framework in frameworks())
        keys = ", ".join(shown(key, 30) for key in list(values)[:6])
        raise ConfigError(
            f"None of the keys here tells which system this config is for ({keys}). Known are configs of {names}.",
            f"从这些键看不出这是哪个系统的配置（{keys}）。可识别的有 {names}。",
        )
    clues = "; ".join(f"{framework.name}: {', '.join(sorted(framework.signs & values.keys())[:3]) or '?'}" for framework in found)
    raise ConfigError(
        f"This could be a config of several systems ({clues}). Leave only the keys of the one you train with.",
        f"这可能是几个系统的配置（{clues}）。请只保留实际训练所用系统的键。",
    )
