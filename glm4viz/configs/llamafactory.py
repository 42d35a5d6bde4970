"""LLaMA-Factory: the YAML or the options of `llamafactory-cli train`."""

from glm4viz.configs.framework import Framework
from glm4viz.configs.notes import Notes, TrainingConfig, Unfollowed
from glm4viz.configs.parsing import Config, ConfigError
from glm4viz.conversation import describe

NAME = "LLaMA-Factory"
SIGNS = frozenset(
    {"cutoff_len", "finetuning_type", "stage", "train_on_prompt", "mask_history", "dataset_dir"}
    | {"neat_packing", "val_size", "lora_target"}
)
DEFAULT_LENGTH = 2048  # of cutoff_len

TOKENS = (
    "special tokens of your own change the tokens; shown is the bundled vocabulary",
    "自定义的特殊 token 会改变分词；这里使用自带词表",
)
WEIGHTS = ("it weighs the loss of each token; shown is weight 1", "它会给每个 token 的损失加权；这里权重为 1")
UNFOLLOWED = (
    Unfollowed(
        "default_system",
        ('""',),
        "a system text for conversations without one; add it to the conversation to see it",
        "给没有 system 的对话补上的文本；把它写进对话里即可看到",
    ),
    Unfollowed("tool_format", ("glm4",), "tool calls are shown in glm4's own form", "工具调用按 glm4 自己的形式显示"),
    Unfollowed("enable_thinking", ("true",), "glm4 is shown without a thinking mode", "这里的 glm4 没有思考模式"),
    Unfollowed("preserve_thinking", ("false",), "glm4 is shown without a thinking mode", "这里的 glm4 没有思考模式"),
    Unfollowed("ignore_pad_token_for_loss", ("true",), "padding would be trained; it isn't shown", "填充也会参与训练；这里不显示填充"),
    Unfollowed("split_special_tokens", ("false",), "special tokens in a text stay whole here", "文本里的特殊 token 在这里不拆开"),
    Unfollowed("add_tokens", (), *TOKENS),
    Unfollowed("add_special_tokens", (), *TOKENS),
    Unfollowed("new_special_tokens_config", (), *TOKENS),
    Unfollowed(
        "tokenized_path",
        (),
        "if it is there, labels are loaded from it, whatever this config says",
        "如果它已存在，就直接从中读取标签，与本配置无关",
    ),
    Unfollowed("use_dft_loss", ("false",), *WEIGHTS),
    Unfollowed("use_asft_loss", ("false",), *WEIGHTS),
    Unfollowed("use_eaft_loss", ("false",), *WEIGHTS),
)


def read(values: Config) -> TrainingConfig:
    n = Notes(NAME, values)
    stage = values.get("stage", "sft")
    if stage != "sft":
        raise ConfigError(
            f"stage is {describe(stage)['en']}; glm4viz shows supervised fine-tuning, stage sft.",
            f"stage 是{describe(stage)['zh']}；glm4viz 展示的是监督微调，即 stage: sft。",
        )
    n.template(values.get("template"), ("glm4",))
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
    n.pass_over(UNFOLLOWED)
    packed = n.flag("packing") or n.flag("neat_packing")
    n.packing("packing", "neat_packing")
    n.model("model_name_or_path")
    cutoff = n.limit("cutoff_len", DEFAULT_LENGTH)
    limit = cutoff - 1 if packed and cutoff > 1 else cutoff  # DataArguments takes one off
    if limit < cutoff:
        n.decide(
            "packing, cutoff_len", f"packing takes one off the limit: {limit} tokens", f"packing 会让上限减 1：{limit} 个 token", limit
        )
    return n.done(recipe_id, limit, cutoff_len=cutoff)


FRAMEWORK = Framework(NAME, SIGNS, read, program="llamafactory-cli")
