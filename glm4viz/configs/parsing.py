"""From the text of a training config to its keys and values: YAML, JSON, or a command line of a shell script."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from glm4viz.conversation import describe, shown
from glm4viz.errors import Glm4vizError

MOST_BYTES = 100_000
MOST_DEPTH, MOST_ALIASES, MOST_VALUES = 30, 12, 5_000  # merge keys with n aliases can write a value 2 ** (n / 2) times
Config = Mapping[str, Any]


class ConfigError(Glm4vizError):
    """A training config that can't be read, or whose training can't be shown here; says why, and what would help."""


class Parsed(NamedTuple):
    """The keys with their values; of a command line also the words before its options, such as ("swift", "sft")."""

    values: dict[str, Any]
    words: tuple[str, ...] = ()


def text_of(config: str | bytes | Path) -> str:
    """The config's text: a Path is a file; a text is the config itself, or the name of a file. Raises ConfigError."""
    if isinstance(config, str) and "\n" not in config and config.endswith((".yaml", ".yml", ".json", ".sh", ".txt")) and " " not in config:
        config = Path(config)
    if isinstance(config, Path):
        try:
            with config.open("rb") as file:
                config = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise ConfigError(
                f"{shown(str(config), 80)} can't be read ({error.strerror}).", f"无法读取 {shown(str(config), 80)}（{error.strerror}）。"
            ) from None
    data = config.encode("utf-8", "surrogatepass") if isinstance(config, str) else config
    if len(data) > MOST_BYTES:
        raise ConfigError(
            f"This is larger than {MOST_BYTES // 1000} kB, which no training config is. Give the config, not the data.",
            f"内容超过 {MOST_BYTES // 1000} kB，训练配置不会这么大。请提供配置文件，而不是数据。",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("This is not text in UTF-8. Save it as UTF-8.", "内容不是 UTF-8 文本。请另存为 UTF-8。") from None


def parse(text: str) -> Parsed:
    """What a config says. Raises ConfigError."""
    if not text.strip():
        raise ConfigError("The config is empty.", "配置是空的。")
    script = re.sub(r"\\[ \t]*\r?\n", " ", text)
    if not text.lstrip().startswith("{") and _COMMAND.search(script):
        return _parse_command(script)
    values = _parse_json(text) if text.lstrip().startswith("{") else None
    if values is None:
        values = _parse_yaml(text)
    if not isinstance(values, dict):
        found = describe(values)
        raise ConfigError(
            f"A training config is made of keys and values; this is {found['en']}.", f"训练配置应由键和值组成，而这里是{found['zh']}。"
        )
    return Parsed({str(key): value for key, value in values.items()})


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None  # it may still be YAML, and the YAML parser says where it is wrong


def _parse_yaml(text: str) -> Any:
    """Plain data only. Depth and aliases are counted before anything is built of them."""
    import yaml

    depth = aliases = 0
    try:
        for count, event in enumerate(yaml.parse(text, yaml.SafeLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            aliases += isinstance(event, yaml.AliasEvent)
            if depth > MOST_DEPTH or aliases > MOST_ALIASES or count > MOST_VALUES:
                raise ConfigError(
                    f"This is no training config: it is nested deeper than {MOST_DEPTH} levels, or has more than {MOST_ALIASES} aliases or "
                    f"{MOST_VALUES} values.",
                    f"这不是训练配置：嵌套超过 {MOST_DEPTH} 层，或别名超过 {MOST_ALIASES} 个，或值超过 {MOST_VALUES} 个。",
                )
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark, shown(str(error.problem or error.context), 120)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "?"
        place_zh = f"第 {mark.line + 1} 行第 {mark.column + 1} 列" if mark else "?"
        raise ConfigError(
            f"This is not YAML, JSON or a command line ({place}: {problem}).", f"这不是 YAML、JSON 或命令行（{place_zh}：{problem}）。"
        ) from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        problem = shown(f"{type(error).__name__}: {error}", 120)
        raise ConfigError(f"This can't be read as YAML ({problem}).", f"无法按 YAML 读取（{problem}）。") from None


# A line that begins with words, or settings of the environment, and comes to an option.
_COMMAND = re.compile(r"^[ \t]*(?:\w+=\S*[ \t]+)*(?:[\w./][\w./-]*[ \t]+)*--[A-Za-z]", re.MULTILINE)


def _parse_command(text: str) -> Parsed:
    """The first command of a script that has options."""
    line = next(line for line in text.splitlines() if _COMMAND.match(line))
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise ConfigError(f"This command line has a quote too many or too few ({error}).", f"这条命令行的引号不配对（{error}）。") from None
    values: dict[str, Any] = {}
    before_options: list[str] = []
    key = ""
    for word in words:
        if match := re.match(r"--([A-Za-z]\w*(?:-\w+)*)(?:=(.*))?$", word, re.DOTALL):
            key = match[1].replace("-", "_")
            values[key] = True if match[2] is None else _scalar(match[2])
        elif key:
            before, value = values[key], _scalar(word)
            values[key] = value if before is True else [*(before if isinstance(before, list) else [before]), value]
        else:
            before_options.append(word)
    return Parsed(values, tuple(before_options))


def _scalar(word: str) -> Any:
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    if word.lower() in ("none", "null"):
        return None
    return int(word) if re.fullmatch(r"[+-]?\d{1,18}", word) else word
