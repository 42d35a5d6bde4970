"""TRL: an SFTConfig, or the options of `trl sft`."""

from glm4viz.configs.framework import Framework
from glm4viz.configs.notes import Notes, TrainingConfig, Unfollowed
from glm4viz.configs.parsing import Config

NAME = "TRL"
SIGNS = frozenset(
    {"assistant_only_loss", "completion_only_loss", "max_seq_length", "dataset_text_field", "chat_template_path", "packing_strategy"}
    | {"eval_packing", "dataset_kwargs", "truncation_mode"}
)
DEFAULT_LENGTH = 1024  # of max_length
_TRAINER_KEYS = {"learning_rate", "per_device_train_batch_size", "num_train_epochs", "gradient_accumulation_steps", "output_dir"}

OWN = ("shown is glm-4-9b-chat's own template and tokens", "这里使用 glm-4-9b-chat 自己的模板和 token")
MARKERS = (
    "a collator that finds answers by markers masks the rest; shown is training on every token",
    "按标记寻找回答的 collator 会屏蔽其余部分；这里显示所有 token 都训练",
)
UNFOLLOWED = (
    Unfollowed("chat_template_path", ('""',), *OWN),
    Unfollowed("eos_token", ('""', "<|endoftext|>"), *OWN),
    Unfollowed("response_template", ('""',), *MARKERS),
    Unfollowed("instruction_template", ('""',), *MARKERS),
    Unfollowed("truncation_mode", ("keep_start",), "shown is keep_start: the tail is cut off", "这里按 keep_start 显示：丢弃尾部"),
    Unfollowed(
        "loss_type",
        ("nll", "chunked_nll"),
        "it weighs the loss of each token; shown is weight 1",
        "它会给每个 token 的损失加权；这里权重为 1",
    ),
    Unfollowed("dataset_kwargs", ("{}",), "data that were prepared before are trained as they are", "提前准备好的数据会原样训练"),
)


def packing_of(n: Notes) -> None:
    """Packing that only puts rows together changes no label; one that cuts rows elsewhere does."""
    strategy = n.values.get("packing_strategy")
    if n.flag("packing") and strategy not in (None, "bfd", "ffd"):
        n.cannot("packing_strategy", "samples are split between rows, where here the tail is cut off", "样本会被拆到几行里，而这里丢弃尾部")
    else:
        n.packing("packing")
    n.packing("padding_free")


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
    n.pass_over(UNFOLLOWED)
    packing_of(n)
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
