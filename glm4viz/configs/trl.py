"""TRL: an SFTConfig, or the options of `trl sft`."""

from glm4viz.configs.framework import Framework
from glm4viz.configs.notes import Notes, TrainingConfig
from glm4viz.configs.parsing import Config

NAME = "TRL"
SIGNS = frozenset(
    {"assistant_only_loss", "completion_only_loss", "max_seq_length", "dataset_text_field", "chat_template_path", "packing_strategy"}
    | {"eval_packing", "dataset_kwargs", "truncation_mode"}
)
DEFAULT_LENGTH = 1024  # of max_length
_TRAINER_KEYS = {"learning_rate", "per_device_train_batch_size", "num_train_epochs", "gradient_accumulation_steps", "output_dir"}


def _likely(values: Config) -> bool:
    return "template" not in values and bool({"max_length", "packing"} & values.keys()) and bool(_TRAINER_KEYS & values.keys())


def read(values: Config) -> TrainingConfig:
    n = Notes(NAME, values)
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
    n.only("truncation_mode", "keep_start", "shown is keep_start: the tail is cut off", "这里按 keep_start 显示：丢弃尾部")
    n.packing("packing")
    n.model("model_name_or_path")
    length = length_of(n)
    return n.done("trl", length, **({} if length is None else {"max_length": length}))


def length_of(n: Notes) -> int | None:
    """The limit under the key that this version of TRL calls it by; None if it is switched off."""
    key = "max_seq_length" if "max_seq_length" in n.values and "max_length" not in n.values else "max_length"
    if key in n.values and n.values[key] is None:
        n.decide(key, "null: nothing is cut", "为 null：不截断")
        return None
    return n.limit(key, DEFAULT_LENGTH)


FRAMEWORK = Framework(NAME, SIGNS, read, program="trl", likely=_likely)
