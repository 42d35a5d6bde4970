"""What a framework's reader says of a config: the recipe it comes to, what decided it, and what can't be followed."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from glm4viz.configs.parsing import Config, ConfigError
from glm4viz.conversation import describe, shown
from glm4viz.recipe import Recipe
from glm4viz.systems.registry import get_recipe
from glm4viz.texts import Text, both


class Decision(NamedTuple):
    """A key of the config, its value as written, and what it decided or why it can't be followed."""

    key: str
    value: str
    why: Text


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """max_length None: the config sets no limit. warnings: what the system itself would say or do at start-up."""

    system: str
    recipe_id: str
    max_length: int | None
    decided_by: tuple[Decision, ...]
    not_honoured: tuple[Decision, ...] = ()
    warnings: tuple[Text, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)  # max_length in the system's own terms

    @property
    def recipe(self) -> Recipe:
        return get_recipe(self.recipe_id)


@dataclass(slots=True)
class Notes:
    """What a framework's reader collects while it looks at the values. Texts come as English, Chinese."""

    system: str
    values: Config
    decided: list[Decision] = field(default_factory=list)
    passed: list[Decision] = field(default_factory=list)
    warnings: list[Text] = field(default_factory=list)

    def decide(self, key: str, en: str, zh: str, value: Any = ...) -> None:
        """The key decided what is shown. `value`: what to show as its value, if that isn't what stands there."""
        self.decided.append(self._decision(key, both(en, zh), value))

    def cannot(self, key: str, en: str, zh: str, value: Any = ...) -> None:
        """The key changes what is trained in a way that is not shown here."""
        self.passed.append(self._decision(key, both(en, zh), value))

    def only(self, key: str, followed: str, en: str, zh: str) -> None:
        """The key can't be followed if it is set to anything but this value."""
        if self.values.get(key) not in (None, followed):
            self.cannot(key, en, zh)

    def _decision(self, key: str, why: Text, value: Any) -> Decision:
        return Decision(key, _written(self.values.get(key) if value is ... else value), why)

    def warn(self, en: str, zh: str) -> None:
        """The system itself would say or do this at start-up, or something about the config is worth a look."""
        self.warnings.append(both(en, zh))

    def flag(self, key: str) -> bool:
        """A truth value, given as one or in words; absent is false."""
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        if str(value).lower() in ("true", "yes", "on", "1"):
            return True
        if str(value).lower() in ("false", "no", "off", "0", ""):
            return False
        raise ConfigError(
            f"{key} is {describe(value)['en']}; it must be true or false.", f"{key} 是{describe(value)['zh']}，应为 true 或 false。"
        )

    def count(self, key: str, least: int = 1) -> int | None:
        """A whole number, or None if it is absent or null."""
        value = self.values.get(key)
        if isinstance(value, str) and re.fullmatch(r"\s*\d[\d_]{0,11}\s*", value):
            value = int(value)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 10**9:
            raise ConfigError(
                f"{key} is {describe(value)['en']}; it must be a whole number from {least} on.",
                f"{key} 是{describe(value)['zh']}，应为不小于 {least} 的整数。",
            )
        return value

    def limit(self, key: str, default: int) -> int:
        """The length limit under `key`, or the system's default."""
        found = self.count(key)
        if found is None:
            self.decide(key, f"not set, so its default holds: {default} tokens", f"没有设置，取默认值 {default} 个 token", default)
            return default
        self.decide(key, "the length limit, in tokens", "长度上限，以 token 计")
        return found

    def packing(self, *keys: str) -> None:
        """The keys that turn on packing."""
        for key in keys:
            if self.flag(key):
                self.cannot(
                    key,
                    "packing puts several conversations into one sequence; here each is shown by itself, with the same labels",
                    "packing 把多段对话拼进一条序列；这里每段对话单独显示，标签相同",
                )

    def template(self, template: Any, fitting: Sequence[str], key: str = "template") -> None:
        """The template must be GLM-4's: any other writes another layout. Raises ConfigError."""
        if template is None:
            self.warn(
                f"{key} is not set. What is shown is {self.system} with template {fitting[0]}.",
                f"没有设置 {key}。这里显示的是 {self.system} 使用模板 {fitting[0]} 的做法。",
            )
        elif template in fitting:
            self.decide(key, "GLM-4's own layout", "GLM-4 自己的排列格式")
        else:
            raise ConfigError(
                f"{key} is {describe(template)['en']}: another model's layout. glm4viz shows {self.system} with {' or '.join(fitting)}.",
                f"{key} 是{describe(template)['zh']}：这是别的模型的格式。glm4viz 展示的是 {self.system} 使用 {' 或 '.join(fitting)} 时的做法。",
            )

    def model(self, *keys: str) -> None:
        """Warn if the model's name is not one of GLM-4's."""
        for key in keys:
            name = self.values.get(key)
            if isinstance(name, str) and name and not re.search(r"glm-?4|chatglm4|codegeex4", name, re.IGNORECASE):
                self.warn(
                    f"{key} is {shown(name)}, which does not look like GLM-4. What is shown is what this system would do with GLM-4-9B.",
                    f"{key} 是 {shown(name)}，看起来不是 GLM-4。这里显示的是这个系统在 GLM-4-9B 上的做法。",
                )
                return

    def done(self, recipe_id: str, max_length: int | None, /, **limits: int) -> TrainingConfig:
        """The config as read, with the limit also in the framework's own terms."""
        return TrainingConfig(
            system=self.system,
            recipe_id=recipe_id,
            max_length=max_length,
            decided_by=tuple(self.decided),
            not_honoured=tuple(self.passed),
            warnings=tuple(self.warnings),
            limits=limits,
        )


def _written(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):  # a YAML alias may hold itself
        text = "…"
    return text if len(text) <= 80 else text[:79] + "…"


def items(value: Any) -> list[Any]:
    """A list, whether one was written or a single value."""
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
