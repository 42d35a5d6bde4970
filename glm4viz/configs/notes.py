"""What a framework's reader says of a config: the recipe it comes to, what decided it, and what can't be followed."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from glm4viz.configs.options import is_option, nearest_option
from glm4viz.configs.parsing import Config, ConfigError
from glm4viz.conversation import describe
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
    """max_length None: the config sets no limit. warnings: what the system itself would say or do at start-up.

    not_honoured: keys that change labels or their weights, which isn't shown. unknown: keys that the system has no option for.
    """

    system: str
    recipe_id: str
    max_length: int | None
    decided_by: tuple[Decision, ...]
    not_honoured: tuple[Decision, ...] = ()
    unknown: tuple[Decision, ...] = ()
    warnings: tuple[Text, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)  # max_length in the system's own terms

    @property
    def recipe(self) -> Recipe:
        return get_recipe(self.recipe_id)


class Unfollowed(NamedTuple):
    """An option that changes labels or their weights, and isn't followed. idle: its values, as JSON writes them, that change nothing."""

    key: str
    idle: tuple[str, ...]
    en: str
    zh: str


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

    def pass_over(self, keys: Iterable[Unfollowed]) -> None:
        """Each of these keys that is set to something else than what is shown anyway."""
        for key, idle, en, zh in keys:
            if not any(self.values.get(key) is value or _written(self.values.get(key)).lower() == value for value in (None, *idle)):
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
        """The keys that turn on a packing that changes no label."""
        for key in keys:
            if self.flag(key):
                self.decide(
                    key,
                    "several conversations share a sequence; here each is shown by itself, with the same labels",
                    "多段对话拼进一条序列；这里每段对话单独显示，标签相同",
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

    def is_glm4(self, *keys: str) -> bool:
        """Whether a model is named, and by a name of GLM-4-9B's."""
        return any(re.search(r"glm-?4|chatglm4|codegeex4", str(self.values.get(key) or ""), re.IGNORECASE) for key in keys)

    def model(self, *keys: str) -> None:
        """A model whose name is not one of GLM-4's has another template and other tokens."""
        for key in keys:
            name = self.values.get(key)
            if isinstance(name, str) and name and not self.is_glm4(key):
                self.cannot(
                    key,
                    "it does not look like GLM-4. Shown is what this system would do with GLM-4-9B",
                    "看起来不是 GLM-4。这里显示的是这个系统在 GLM-4-9B 上的做法",
                )
                return

    def done(self, recipe_id: str, max_length: int | None, /, **limits: int) -> TrainingConfig:
        """The config as read, with the limit also in the framework's own terms."""
        unknown = []
        for key in self.values:
            if not is_option(self.system, key):
                near = nearest_option(self.system, key)
                unknown.append(self._decision(key, _unknown(near), ...))
        return TrainingConfig(
            system=self.system,
            recipe_id=recipe_id,
            max_length=max_length,
            decided_by=tuple(self.decided),
            not_honoured=tuple(self.passed),
            unknown=tuple(unknown),
            warnings=tuple(self.warnings),
            limits=limits,
        )


def _unknown(near: str) -> Text:
    if near:
        return both(f"no such option is known; did you mean {near}?", f"没有已知的这个选项；是否应为 {near}？")
    return both("no such option is known, so what it does isn't shown", "没有已知的这个选项，因此它的作用没有显示")


def _written(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):  # a YAML alias may hold itself
        text = "…"
    return text if len(text) <= 80 else text[:79] + "…"


def items(value: Any) -> list[Any]:
    """A list, whether one was written or a single value."""
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
