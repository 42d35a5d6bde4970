"""Bring your training config: from the file that starts a training run to the recipe and the limit that show what it trains.

    found = read_training_config(Path("lora.yaml"))     # or the text itself, or bytes
    found.recipe_id, found.max_length                   # for label(messages, found.recipe_id, max_length=found.max_length)
    found.decided_by                                    # which keys decided it, and why
    found.not_honoured                                  # keys that change what is trained, which glm4viz can't follow

Understood are YAML, JSON and shell command lines of GLM-4's own scripts, LLaMA-Factory, Axolotl, TRL, Unsloth and ms-swift. What
isn't raises `ConfigError`, whose sentence says what to do.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from glm4viz.conversation import describe, shown
from glm4viz.errors import Glm4vizError
from glm4viz.recipe import Recipe
from glm4viz.systems.registry import get_recipe
from glm4viz.texts import Text

MOST_BYTES = 100_000
MOST_DEPTH, MOST_ALIASES, MOST_VALUES = 30, 12, 5_000  # merge keys with n aliases can write a value 2 ** (n / 2) times
DEFAULTS = {"cutoff_len": 2048, "sequence_len": 512, "max_length": 1024}  # of LLaMA-Factory, Axolotl and TRL
Config = Mapping[str, Any]


class ConfigError(Glm4vizError):
    """A training config that can't be read, or whose training can't be shown here; says why, and what would help."""


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


def read_training_config(config: str | bytes | Path) -> TrainingConfig:
    """Read a config: a Path is a file; a text is the config itself, or the name of a file. Raises ConfigError."""
    text = _text_of(config)
    values, program = _parse(text)
    system = _system_of(values, program)
    return _READERS[system](values)


# What is written ------------------------------------------------------------------------------------------------------


def _text_of(config: str | bytes | Path) -> str:
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


def _parse(text: str) -> tuple[dict[str, Any], str]:
    """The keys with their values, and the program of a command line, or ""."""
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
    return {str(key): value for key, value in values.items()}, ""


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


_PROGRAMS = {"llamafactory-cli": "llamafactory", "swift": "ms-swift", "axolotl": "axolotl", "trl": "trl"}
_OTHER_TASKS = ("pt", "rlhf", "dpo", "kto", "grpo", "reward", "infer", "export", "eval", "deploy", "chat", "api")
# A line that begins with words, or settings of the environment, and comes to an option.
_COMMAND = re.compile(r"^[ \t]*(?:\w+=\S*[ \t]+)*(?:[\w./][\w./-]*[ \t]+)*--[A-Za-z]", re.MULTILINE)


def _parse_command(text: str) -> tuple[dict[str, Any], str]:
    """The first command of a script that has options."""
    line = next(line for line in text.splitlines() if _COMMAND.match(line))
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise ConfigError(f"This command line has a quote too many or too few ({error}).", f"这条命令行的引号不配对（{error}）。") from None
    values: dict[str, Any] = {}
    program, key = "", ""
    for word in words:
        if match := re.match(r"--([A-Za-z]\w*(?:-\w+)*)(?:=(.*))?$", word, re.DOTALL):
            key = match[1].replace("-", "_")
            values[key] = True if match[2] is None else _scalar(match[2])
        elif key:
            before, value = values[key], _scalar(word)
            values[key] = value if before is True else [*(before if isinstance(before, list) else [before]), value]
        elif program and word in _OTHER_TASKS:
            raise ConfigError(
                f"This command is for {word}; glm4viz shows supervised fine-tuning (sft).",
                f"这条命令用于 {word}；glm4viz 展示的是监督微调（sft）。",
            )
        else:
            program = program or _PROGRAMS.get(Path(word).name, "")
    return values, program


def _scalar(word: str) -> Any:
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    if word.lower() in ("none", "null"):
        return None
    return int(word) if re.fullmatch(r"[+-]?\d{1,18}", word) else word


# Whose config it is ---------------------------------------------------------------------------------------------------

# Keys that only this system has, of those that a config of one is likely to hold.
_SIGNS: dict[str, frozenset[str]] = {
    "glm4": frozenset({"data_config", "combine", "freezeV", "max_input_length", "max_output_length"}),
    "llamafactory": frozenset(
        {
            "cutoff_len",
            "finetuning_type",
            "stage",
            "train_on_prompt",
            "mask_history",
            "dataset_dir",
            "neat_packing",
            "val_size",
            "lora_target",
        }
    ),
    "axolotl": frozenset(
        {"base_model", "sequence_len", "roles_to_train", "train_on_eos", "train_on_eot", "eot_tokens", "message_property_mappings"}
        | {"train_on_inputs", "sample_packing", "excess_length_strategy", "micro_batch_size", "val_set_size", "chat_template_jinja"}
    ),
    "trl": frozenset(
        {"assistant_only_loss", "completion_only_loss", "max_seq_length", "dataset_text_field", "chat_template_path", "packing_strategy"}
        | {"eval_packing", "dataset_kwargs", "truncation_mode"}
    ),
    "unsloth": frozenset({"train_on_responses_only", "instruction_part", "response_part"}),
    "ms-swift": frozenset(
        {"loss_scale", "truncation_strategy", "train_type", "tuner_type", "sft_type", "template_type", "agent_template"}
        | {"split_dataset_ratio", "custom_register_path", "lazy_tokenize", "packing_length"}
    ),
}
_NAMES = {
    "glm4": "GLM-4",
    "llamafactory": "LLaMA-Factory",
    "axolotl": "Axolotl",
    "trl": "TRL",
    "unsloth": "Unsloth",
    "ms-swift": "ms-swift",
}
_TRAINER_KEYS = {"learning_rate", "per_device_train_batch_size", "num_train_epochs", "gradient_accumulation_steps", "output_dir"}


def _system_of(values: Config, program: str) -> str:
    if program:
        return program
    found = {system: sorted(signs & values.keys()) for system, signs in _SIGNS.items() if signs & values.keys()}
    if "unsloth" in found:  # it is used with TRL's trainer
        found.pop("trl", None)
    if not found and "template" in values and "max_length" in values:
        return "ms-swift"
    if not found and "template" not in values and {"max_length", "packing"} & values.keys() and _TRAINER_KEYS & values.keys():
        return "trl"
    if not found:
        names = ", ".join(_NAMES.values())
        keys = ", ".join(shown(key, 30) for key in list(values)[:6])
        raise ConfigError(
            f"None of the keys here tells which system this config is for ({keys}). Known are configs of {names}.",
            f"从这些键看不出这是哪个系统的配置（{keys}）。可识别的有 {names}。",
        )
    if len(found) > 1:
        clues = "; ".join(f"{_NAMES[system]}: {', '.join(keys[:3])}" for system, keys in found.items())
        raise ConfigError(
            f"This could be a config of several systems ({clues}). Leave only the keys of the one you train with.",
            f"这可能是几个系统的配置（{clues}）。请只保留实际训练所用系统的键。",
        )
    return next(iter(found))


# Reading values -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Notes:
    """What a reader collects while it looks at the values."""

    values: Config
    decided: list[Decision] = field(default_factory=list)
    passed: list[Decision] = field(default_factory=list)
    warnings: list[Text] = field(default_factory=list)

    def decide(self, key: str, en: str, zh: str, value: Any = ...) -> None:
        self.decided.append(Decision(key, _written(self.values.get(key) if value is ... else value), {"en": en, "zh": zh}))

    def cannot(self, key: str, en: str, zh: str, value: Any = ...) -> None:
        self.passed.append(Decision(key, _written(self.values.get(key) if value is ... else value), {"en": en, "zh": zh}))

    def warn(self, en: str, zh: str) -> None:
        self.warnings.append({"en": en, "zh": zh})

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
        for key in keys:
            if self.flag(key):
                self.cannot(
                    key,
                    "packing puts several conversations into one sequence; here each is shown by itself, with the same labels",
                    "packing 把多段对话拼进一条序列；这里每段对话单独显示，标签相同",
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

    def done(self, system: str, recipe_id: str, max_length: int | None, /, **limits: int) -> TrainingConfig:
        return TrainingConfig(
            system=_NAMES[system],
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


def _items(value: Any) -> list[Any]:
    """A list, whether one was written or a single value."""
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


# GLM-4 ----------------------------------------------------------------------------------------------------------------


def _glm4(values: Config) -> TrainingConfig:
    n = _Notes(values)
    if "combine" in values:
        combine = n.flag("combine")
        recipe_id = "glm4-combine@dfe4601" if combine else "glm4@dfe4601"
        if combine:
            n.decide(
                "combine", "true: only what follows the last <|assistant|> is trained", "为 true：只训练最后一个 <|assistant|> 之后的内容"
            )
        else:
            n.decide("combine", "false: every answer is trained", "为 false：训练每个回答")
    else:
        recipe_id = "glm4"
        n.decide(
            "combine",
            "absent, as in the scripts before 2024-07-19: every answer is trained. Later ones can't start without it",
            "没有这个键，如同 2024-07-19 之前的脚本：训练每个回答。之后的脚本缺少它无法启动",
            None,
        )
        n.warn(
            "ChatGLM3's finetune_hf.py has a config of the same form. If this is for ChatGLM3, choose the recipe chatglm3-hf.",
            "ChatGLM3 的 finetune_hf.py 的配置形式相同。如果这是 ChatGLM3 的配置，请选择配方 chatglm3-hf。",
        )
    if "freezeV" in values:
        n.cannot(
            "freezeV",
            "only finetune_vision.py uses it, which reads the same file by another rule. If you run that script, choose glm4v@dfe4601 "
            "and a limit smaller by 1",
            "只有 finetune_vision.py 用到它，该脚本读同一个文件，但规则不同。如果运行的是那个脚本，请选择 glm4v@dfe4601，上限减 1",
        )
    inputs, outputs = (n.count(key, 0) for key in ("max_input_length", "max_output_length"))
    if inputs is None or outputs is None:
        n.warn(
            "max_input_length or max_output_length is missing; the script can't start without both. Nothing is cut here.",
            "缺少 max_input_length 或 max_output_length，脚本没有它们无法启动。这里不截断。",
        )
        return n.done("glm4", recipe_id, None)
    for key in ("max_input_length", "max_output_length"):
        n.decide(
            key, f"the limit is both together, and 1: {inputs + outputs + 1} tokens", f"上限是两者之和加 1：{inputs + outputs + 1} 个 token"
        )
    return n.done("glm4", recipe_id, inputs + outputs + 1, max_input_length=inputs, max_output_length=outputs)


# LLaMA-Factory --------------------------------------------------------------------------------------------------------


def _llamafactory(values: Config) -> TrainingConfig:
    n = _Notes(values)
    stage = values.get("stage", "sft")
    if stage != "sft":
        raise ConfigError(
            f"stage is {describe(stage)['en']}; glm4viz shows supervised fine-tuning, stage sft.",
            f"stage 是{describe(stage)['zh']}；glm4viz 展示的是监督微调，即 stage: sft。",
        )
    _need_template(n, values.get("template"), ("glm4",), "LLaMA-Factory")
    whole, last = n.flag("train_on_prompt"), n.flag("mask_history")
    if whole and last:
        raise ConfigError(
            "train_on_prompt and mask_history are both true; LLaMA-Factory refuses that (ValueError). Set one of them to false.",
            "train_on_prompt 和 mask_history 同时为 true，LLaMA-Factory 会拒绝（ValueError）。请把其中一个设为 false。",
        )
    recipe_id = "llamafactory"
    if whole:
        recipe_id = "llamafactory-train-on-prompt"
        n.decide("train_on_prompt", "true: every token is trained", "为 true：所有 token 都参与训练")
        n.warn(
            "LLaMA-Factory refuses train_on_prompt for template glm4 at start-up (ValueError).",
            "LLaMA-Factory 启动时会拒绝在模板 glm4 上使用 train_on_prompt（ValueError）。",
        )
    elif last:
        recipe_id = "llamafactory-mask-history"
        n.decide("mask_history", "true: only the last answer is trained", "为 true：只训练最后一个回答")
    else:
        n.decide("train_on_prompt, mask_history", "neither is set: every answer is trained", "都没有启用：训练每个回答", "false")
    n.packing("packing", "neat_packing")
    if values.get("default_system"):
        n.cannot(
            "default_system",
            "a system text for conversations without one; add it to the conversation to see it",
            "给没有 system 的对话补上的文本；把它写进对话里即可看到",
        )
    if values.get("tool_format") not in (None, "glm4"):
        n.cannot("tool_format", "tool calls are shown in glm4's own form", "工具调用按 glm4 自己的形式显示")
    n.model("model_name_or_path")
    cutoff = n.limit("cutoff_len", DEFAULTS["cutoff_len"])
    return n.done("llamafactory", recipe_id, cutoff, cutoff_len=cutoff)


def _need_template(n: _Notes, template: Any, fitting: Sequence[str], system: str, key: str = "template") -> None:
    """The template must be GLM-4's: any other writes another layout. Raises ConfigError."""
    if template is None:
        n.warn(
            f"{key} is not set. What is shown is {system} with template {fitting[0]}.",
            f"没有设置 {key}。这里显示的是 {system} 使用模板 {fitting[0]} 的做法。",
        )
    elif template in fitting:
        n.decide(key, "GLM-4's own layout", "GLM-4 自己的排列格式")
    else:
        raise ConfigError(
            f"{key} is {describe(template)['en']}: another model's layout. glm4viz shows {system} with {' or '.join(fitting)}.",
            f"{key} 是{describe(template)['zh']}：这是别的模型的格式。glm4viz 展示的是 {system} 使用 {' 或 '.join(fitting)} 时的做法。",
        )


# Axolotl --------------------------------------------------------------------------------------------------------------

OWN_TEMPLATE = ("tokenizer_default", "jinja")


def _axolotl(values: Config) -> TrainingConfig:
    datasets = [entry for entry in _items(values.get("datasets")) if isinstance(entry, Mapping)]
    first = next((entry for entry in datasets if entry.get("type", "chat_template") == "chat_template"), None)
    if datasets and first is None:
        kind = describe(datasets[0].get("type"))
        raise ConfigError(
            f"datasets[0].type is {kind['en']}; glm4viz shows Axolotl's type chat_template.",
            f"datasets[0].type 是{kind['zh']}；glm4viz 展示的是 Axolotl 的 chat_template 类型。",
        )
    n = _Notes({**values, **(first or {})})  # what a data set says for itself holds for it
    if len(datasets) > 1:
        n.cannot(
            "datasets",
            "several data sets: the first of type chat_template is followed",
            "有多个数据集：按第一个 chat_template 类型的数据集处理",
            len(datasets),
        )
    template = n.values.get("chat_template")
    if isinstance(template, str) and template.startswith("tokenizer_default"):
        template = "tokenizer_default"
    jinja = n.values.get("chat_template_jinja")
    if template is not None or not jinja:
        _need_template(n, template, OWN_TEMPLATE, "Axolotl", "chat_template")
    if jinja:
        n.cannot(
            "chat_template_jinja",
            "a template of your own is not rendered; glm-4-9b-chat's is",
            "不会渲染你自己的模板，使用的是 glm-4-9b-chat 的模板",
        )
    recipe_id = _axolotl_recipe(n, str(jinja or ""))
    _axolotl_passed(n)
    n.packing("sample_packing")
    n.model("base_model")
    length = n.limit("sequence_len", DEFAULTS["sequence_len"])
    return n.done("axolotl", recipe_id, length, sequence_len=length)


def _axolotl_recipe(n: _Notes, jinja: str) -> str:
    mappings = n.values.get("message_property_mappings")
    mapped = isinstance(mappings, Mapping) and {"metadata", "tools"} <= {str(v) for pair in mappings.items() for v in pair}
    eot = "<|user|>" in map(str, _items(n.values.get("eot_tokens")))
    if mapped:
        n.decide(
            "message_property_mappings",
            "it lists metadata and tools, so function names and tools text are kept",
            "列出了 metadata 和 tools，因此函数名和工具说明得以保留",
        )
    if eot and "<|user|>" in jinja and not mapped:
        n.decide(
            "eot_tokens",
            "<|user|> stands in your template, so it is trained after an answer",
            "你的模板里写有 <|user|>，所以它在回答之后参与训练",
        )
        return "axolotl-eot-literal"
    if eot:
        n.decide(
            "eot_tokens",
            "discarded by Axolotl: glm-4-9b-chat's template never spells <|user|>",
            "会被 Axolotl 丢弃：glm-4-9b-chat 的模板里没有直接写出 <|user|>",
        )
    if mapped:
        return "axolotl-mapped"
    if not eot:
        n.decide("eot_tokens", "not set: no stop token is trained", "没有设置：不训练停止 token", None)
    return "axolotl-eot" if eot else "axolotl"


def _axolotl_passed(n: _Notes) -> None:
    values = n.values
    roles = sorted(map(str, _items(values.get("roles_to_train", ["assistant"]))))
    if roles == ["assistant"]:
        n.decide("roles_to_train", "answers are trained", "训练回答", roles)
    else:
        n.cannot(
            "roles_to_train",
            "shown is assistant only; try a recipe of your own for other roles",
            "这里只显示 assistant；其他角色可以用自定义配方",
        )
    for key in ("train_on_eos", "train_on_eot"):
        if values.get(key) not in (None, "turn"):
            n.cannot(
                key,
                "shown is turn. Without an end token in the template it makes no difference",
                "这里按 turn 显示。模板里没有结束 token 时没有区别",
            )
    if n.flag("train_on_inputs"):
        n.cannot("train_on_inputs", "questions stay masked here, as roles_to_train says", "这里仍按 roles_to_train 屏蔽提问")
    if values.get("excess_length_strategy") not in (None, "drop"):
        n.cannot("excess_length_strategy", "shown is drop: a longer sample is dropped", "这里按 drop 显示：更长的样本会被丢弃")
    for key in ("message_field_training", "message_field_training_detail"):
        if values.get(key):
            n.cannot(key, "choices per message are not followed", "不会按每条消息的选择处理")
    if values.get("eot_tokens") and "<|user|>" not in map(str, _items(values["eot_tokens"])):
        n.cannot("eot_tokens", "only <|user|> is followed", "只支持 <|user|>")


# TRL and Unsloth ------------------------------------------------------------------------------------------------------


def _trl(values: Config) -> TrainingConfig:
    n = _Notes(values)
    if n.flag("assistant_only_loss"):
        n.cannot(
            "assistant_only_loss",
            "glm-4-9b-chat's template has no generation marks. Shown is what TRL does without the option: every token is trained",
            "glm-4-9b-chat 的模板没有 generation 标记。这里显示不用这个选项时的做法：所有 token 都参与训练",
        )
        n.warn(
            "TRL stops at start-up: assistant_only_loss needs a template with {% generation %} (ValueError).",
            "TRL 启动时会停止：assistant_only_loss 需要带 {% generation %} 的模板（ValueError）。",
        )
    else:
        n.decide("assistant_only_loss", "not set: every token is trained", "没有启用：所有 token 都参与训练", False)
    if n.flag("completion_only_loss"):
        n.cannot(
            "completion_only_loss",
            "it is for data with prompt and completion; messages are trained as a whole",
            "它用于 prompt/completion 数据；messages 会整段训练",
        )
    for key in ("chat_template_path", "eos_token"):
        if values.get(key):
            n.cannot(key, "shown is glm-4-9b-chat's own template and tokens", "这里使用 glm-4-9b-chat 自己的模板和 token")
    if values.get("truncation_mode") not in (None, "keep_start"):
        n.cannot("truncation_mode", "shown is keep_start: the tail is cut off", "这里按 keep_start 显示：丢弃尾部")
    n.packing("packing")
    n.model("model_name_or_path")
    length = _trl_length(n)
    return n.done("trl", "trl", length, **({} if length is None else {"max_length": length}))


def _trl_length(n: _Notes) -> int | None:
    key = "max_seq_length" if "max_seq_length" in n.values and "max_length" not in n.values else "max_length"
    if key in n.values and n.values[key] is None:
        n.decide(key, "null: nothing is cut", "为 null：不截断")
        return None
    return n.limit(key, DEFAULTS["max_length"])


def _unsloth(values: Config) -> TrainingConfig:
    n = _Notes(values)
    if "train_on_responses_only" in values and not n.flag("train_on_responses_only"):
        n.decide("train_on_responses_only", "false: every token is trained, as by TRL", "为 false：所有 token 都参与训练，与 TRL 相同")
        return n.done("unsloth", "trl", _trl_length(n))
    key = next(key for key in ("train_on_responses_only", "instruction_part", "response_part") if key in values)
    n.decide(key, "answers are found by markers in the token ids", "按 token 中的标记寻找回答")
    for part, marker in (("instruction_part", "<|user|>\n"), ("response_part", "<|assistant|>\n")):
        given = values.get(part)
        if isinstance(given, str) and given.replace("\\n", "\n") != marker:
            n.cannot(part, f"shown is {marker!r}", f"这里使用 {marker!r}", repr(given))
    if n.flag("last_response_only"):
        n.cannot("last_response_only", "every answer is shown as trained", "这里每个回答都按参与训练显示")
    n.packing("packing")
    n.model("model_name", "model_name_or_path")
    return n.done("unsloth", "unsloth", _trl_length(n))


# ms-swift -------------------------------------------------------------------------------------------------------------


def _swift(values: Config) -> TrainingConfig:
    n = _Notes(values)
    key = next((key for key in ("template", "template_type") if values.get(key) is not None), None)
    if key:
        _need_template(n, values[key], ("glm4", "chatglm4"), "ms-swift", key)
    elif values.get("model_type") is not None:
        _need_template(n, values["model_type"], ("glm4", "chatglm4", "glm4-9b-chat"), "ms-swift", "model_type")
    else:
        n.warn(
            "No template is set; ms-swift takes it from the model. Shown is glm4.",
            "没有设置 template，ms-swift 会根据模型选择。这里按 glm4 显示。",
        )
    scale = values.get("loss_scale", "default")
    if scale in ("default", None):
        n.decide("loss_scale", "default: every answer is trained, with weight 1", "default：训练每个回答，权重为 1", "default")
    else:
        n.cannot("loss_scale", "shown is default: every answer, with weight 1", "这里按 default 显示：每个回答，权重为 1")
    strategy = values.get("truncation_strategy", "delete")
    if strategy in ("delete", "raise", None):
        n.decide("truncation_strategy", "a longer sample is not trained", "更长的样本不参与训练", strategy)
    else:
        n.cannot("truncation_strategy", "a longer sample is refused here, not cut", "这里更长的样本会被拒绝，而不是截断")
    if values.get("template_backend") not in (None, "swift"):
        n.cannot(
            "template_backend",
            "shown is swift; with jinja every token would be trained",
            "这里按 swift 显示；用 jinja 时所有 token 都参与训练",
        )
    for name in ("system", "agent_template"):
        if values.get(name):
            n.cannot(
                name, "the conversation is shown as it is, with glm4's own form of calls", "对话按原样显示，工具调用用 glm4 自己的形式"
            )
    n.packing("packing")
    n.model("model", "model_id_or_path")
    length = n.count("max_length")
    if length is None:
        n.decide(
            "max_length",
            "not set: the model's own length is the limit, so nothing is cut here",
            "没有设置：以模型自身的长度为上限，这里不截断",
            None,
        )
        return n.done("ms-swift", "ms-swift", None)
    n.decide("max_length", "the length limit, in tokens", "长度上限，以 token 计")
    return n.done("ms-swift", "ms-swift", length, max_length=length)


_READERS: dict[str, Callable[[Config], TrainingConfig]] = {
    "glm4": _glm4,
    "llamafactory": _llamafactory,
    "axolotl": _axolotl,
    "trl": _trl,
    "unsloth": _unsloth,
    "ms-swift": _swift,
}
