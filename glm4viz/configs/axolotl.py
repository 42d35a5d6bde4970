"""Axolotl: its YAML."""

from collections.abc import Mapping

from glm4viz.configs.framework import Framework
from glm4viz.configs.notes import Notes, TrainingConfig, Unfollowed, items
from glm4viz.configs.parsing import Config, ConfigError
from glm4viz.conversation import describe

NAME = "Axolotl"
SIGNS = frozenset(
    {"base_model", "sequence_len", "roles_to_train", "train_on_eos", "train_on_eot", "eot_tokens", "message_property_mappings"}
    | {"train_on_inputs", "sample_packing", "excess_length_strategy", "micro_batch_size", "val_set_size", "chat_template_jinja"}
)
DEFAULT_LENGTH = 512  # of sequence_len
OWN_TEMPLATE = ("tokenizer_default", "jinja")

PER_MESSAGE = ("choices per message are not followed", "不会按每条消息的选择处理")
TOKENS = ("shown are glm-4-9b-chat's own tokens", "这里使用 glm-4-9b-chat 自己的 token")
OTHER_TEXT = ("the conversation and its template are shown as they are", "对话和模板按原样显示")
OTHER_TASK = ("shown is supervised fine-tuning on conversations", "这里显示的是对话的监督微调")
UNFOLLOWED = (
    Unfollowed("message_field_training", ('""',), *PER_MESSAGE),
    Unfollowed("message_field_training_detail", ('""',), *PER_MESSAGE),
    Unfollowed("role_boundaries", ("[]",), "answers are found by the template here, not by markers", "这里按模板寻找回答，而不是按标记"),
    Unfollowed("drop_system_message", ("false",), *OTHER_TEXT),
    Unfollowed("default_system_message", ('""',), *OTHER_TEXT),
    Unfollowed("chat_template_kwargs", ("{}",), *OTHER_TEXT),
    Unfollowed("split_thinking", ("false",), *OTHER_TEXT),
    Unfollowed("special_tokens", ("{}",), *TOKENS),
    Unfollowed("tokens", ("[]",), *TOKENS),
    Unfollowed("added_tokens_overrides", ("{}",), *TOKENS),
    Unfollowed("min_sample_len", (), "shorter samples are dropped in training, and shown here", "更短的样本训练时会被丢弃，这里仍然显示"),
    Unfollowed("pretraining_dataset", ("[]",), *OTHER_TASK),
    Unfollowed("rl", ('""',), *OTHER_TASK),
)


def read(values: Config) -> TrainingConfig:
    datasets = [entry for entry in items(values.get("datasets")) if isinstance(entry, Mapping)]
    first = next((entry for entry in datasets if entry.get("type", "chat_template") == "chat_template"), None)
    if datasets and first is None:
        kind = describe(datasets[0].get("type"))
        raise ConfigError(
            f"datasets[0].type is {kind['en']}; glm4viz shows Axolotl's type chat_template.",
            f"datasets[0].type 是{kind['zh']}；glm4viz 展示的是 Axolotl 的 chat_template 类型。",
        )
    n = Notes(NAME, {**values, **(first or {})})  # what a data set says for itself holds for it
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
        n.template(template, OWN_TEMPLATE, "chat_template")
    if jinja:
        n.cannot(
            "chat_template_jinja",
            "a template of your own is not rendered; glm-4-9b-chat's is",
            "不会渲染你自己的模板，使用的是 glm-4-9b-chat 的模板",
        )
    recipe_id = _recipe(n, str(jinja or ""))
    _passed(n)
    n.packing("sample_packing")
    n.model("base_model")
    length = n.limit("sequence_len", DEFAULT_LENGTH)
    return n.done(recipe_id, length, sequence_len=length)


def _recipe(n: Notes, jinja: str) -> str:
    mappings = n.values.get("message_property_mappings")
    mapped = isinstance(mappings, Mapping) and {"metadata", "tools"} <= {str(v) for pair in mappings.items() for v in pair}
    eot = "<|user|>" in map(str, items(n.values.get("eot_tokens")))
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


def _passed(n: Notes) -> None:
    values = n.values
    roles = sorted(map(str, items(values.get("roles_to_train", ["assistant"]))))
    if roles == ["assistant"]:
        n.decide("roles_to_train", "answers are trained", "训练回答", roles)
    else:
        n.cannot(
            "roles_to_train",
            "shown is assistant only; try a recipe of your own for other roles",
            "这里只显示 assistant；其他角色可以用自定义配方",
        )
    for key in ("train_on_eos", "train_on_eot"):
        n.only(
            key,
            "turn",
            "shown is turn. Without an end token in the template it makes no difference",
            "这里按 turn 显示。模板里没有结束 token 时没有区别",
        )
    if n.flag("train_on_inputs"):
        n.cannot("train_on_inputs", "questions stay masked here, as roles_to_train says", "这里仍按 roles_to_train 屏蔽提问")
    n.only("excess_length_strategy", "drop", "shown is drop: a longer sample is dropped", "这里按 drop 显示：更长的样本会被丢弃")
    n.pass_over(UNFOLLOWED)
    if values.get("eot_tokens") and "<|user|>" not in map(str, items(values["eot_tokens"])):
        n.cannot("eot_tokens", "only <|user|> is followed", "只支持 <|user|>")


FRAMEWORK = Framework(NAME, SIGNS, read, program="axolotl")
