"""ms-swift: the options of `swift sft`, or the same keys in a file."""

from glm4viz.configs.framework import Framework
from glm4viz.configs.notes import Notes, TrainingConfig, Unfollowed
from glm4viz.configs.parsing import Config

NAME = "ms-swift"
SIGNS = frozenset(
    {"loss_scale", "truncation_strategy", "train_type", "tuner_type", "sft_type", "template_type", "agent_template"}
    | {"split_dataset_ratio", "custom_register_path", "lazy_tokenize", "packing_length"}
)

THINKING = ("the template glm4 is shown, which has no thinking mode", "这里按模板 glm4 显示，它没有思考模式")
CODE = ("code of your own may change templates and labels; it isn't run", "自己的代码可能改变模板和标签；这里不会运行它")
AS_IT_IS = ("the conversation is shown as it is, with glm4's own form of calls", "对话按原样显示，工具调用用 glm4 自己的形式")
WEIGHTS = ("it weighs the loss of each token; shown is weight 1", "它会给每个 token 的损失加权；这里权重为 1")
UNFOLLOWED = (
    Unfollowed(
        "template_backend",
        ("swift",),
        "shown is swift; with jinja every token would be trained",
        "这里按 swift 显示；用 jinja 时所有 token 都参与训练",
    ),
    Unfollowed(
        "use_chat_template",
        ("true",),
        "shown is the chat template; without it every token is trained",
        "这里使用对话模板；不用时所有 token 都参与训练",
    ),
    Unfollowed("system", ('""',), *AS_IT_IS),
    Unfollowed("agent_template", ("glm4", "chatglm4"), *AS_IT_IS),
    Unfollowed("tools_prompt", ("glm4", "chatglm4"), *AS_IT_IS),
    Unfollowed("enable_thinking", (), *THINKING),
    Unfollowed("preserve_thinking", (), *THINKING),
    Unfollowed("custom_register_path", ("[]",), *CODE),
    Unfollowed("external_plugins", ("[]",), *CODE),
    Unfollowed(
        "new_special_tokens",
        ("[]",),
        "tokens of your own change the tokens; shown is the bundled vocabulary",
        "自定义 token 会改变分词；这里使用自带词表",
    ),
    Unfollowed("task_type", ("causal_lm",), "shown is the training of a language model", "这里显示的是语言模型的训练"),
    Unfollowed("loss_type", (), *WEIGHTS),
    Unfollowed("enable_dft_loss", ("false",), *WEIGHTS),
    Unfollowed("use_loss_scale", ("false",), *WEIGHTS),
)


def _likely(values: Config) -> bool:
    return "template" in values and "max_length" in values


def read(values: Config) -> TrainingConfig:
    n = Notes(NAME, values)
    key = next((key for key in ("template", "template_type") if values.get(key) is not None), None)
    if key:
        n.template(values[key], ("glm4", "chatglm4"), key)
    elif values.get("model_type") is not None:
        n.template(values["model_type"], ("glm4", "chatglm4", "glm4-9b-chat"), "model_type")
    elif not n.is_glm4("model", "model_id_or_path"):
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
    n.pass_over(UNFOLLOWED)
    n.packing("packing", "padding_free")
    n.model("model", "model_id_or_path")
    length = n.count("max_length")
    if length is None:
        n.decide(
            "max_length",
            "not set: the model's own length is the limit, so nothing is cut here",
            "没有设置：以模型自身的长度为上限，这里不截断",
            None,
        )
        return n.done("ms-swift", None)
    n.decide("max_length", "the length limit, in tokens", "长度上限，以 token 计")
    return n.done("ms-swift", length, max_length=length)


FRAMEWORK = Framework(NAME, SIGNS, read, program="swift", likely=_likely)
