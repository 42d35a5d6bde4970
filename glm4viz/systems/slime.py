"""slime, the GLM authors' own framework for post-training, with its mask generator `qwen`: every message is rendered by itself.

The pieces are joined, and of an answer all is trained but the tokens of the generation prompt. Nothing ever trains the tag that ends
an answer, for that tag is in the next message's piece.
"""

from collections.abc import Callable, Sequence

from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import Recipe, Source
from glm4viz.systems.glm45 import GLM45, GLM47, Template, alone
from glm4viz.systems.trl_glm45 import ALIVE, SPLIT, STRIPPED
from glm4viz.texts import Text


def piecewise(t: Template, untrained: int, switch: str = "") -> Callable[[Sequence[Message], Writer], None]:
    """`untrained`: tokens of the generation prompt, at the head of each answer. `switch`: a key that turns a message's loss off."""

    def layout(messages: Sequence[Message], w: Writer) -> None:
        for m, message in enumerate(messages):
            piece = alone(m, message, w.tools if m == 0 else None, t)
            if m > 0 and message["role"] != "system":
                piece = piece[2:]  # without [gMASK]<sop>
            trained = message["role"] == "assistant" and message.get(switch, 1) == 1
            write(w, piece, untrained if trained else None)

    return layout


def write(w: Writer, segments: Sequence[Segment], untrained: int | None) -> None:
    """The segments as one string, trained from token `untrained` on; None: not at all. The first tokens of a piece are special ones."""
    row = w.rows[-1]
    first = len(row)
    w.text(*segments, specials=True, mask=untrained is not None)
    for i in range(first, first + (untrained or 0)):
        row[i] = row[i]._replace(mask=False)


NO_STOP: Text = {
    "en": "No end tag is ever trained, and none stands after the last answer: the model isn't taught to stop (issues #514, #1490, "
    "PRs #1824, #1844).",
    "zh": "结束标签从不参与训练，最后一个回答之后也没有：模型学不到停止（issue #514、#1490，PR #1824、#1844）。",
}
ALONE: Text = {
    "en": "A message alone is always after the last user message: thoughts of every round are shown and trained, though the server drops the "
    "earlier ones.",
    "zh": "单独渲染的消息总是在最后一条 user 消息之后：每一轮的思考都会显示并训练，而服务端会丢弃较早的思考。",
}
OWN_TAGS: Text = {
    "en": "Each tool result has an <|observation|> of its own, where the template gives one to results in a row.",
    "zh": "每个工具结果都有自己的 <|observation|>，而模板对连续的结果只写一个。",
}
BEGINS: Text = {
    "en": "A conversation that begins with an answer keeps its [gMASK]<sop> in front, and the untrained tokens are counted from there: tags "
    "and tools text are trained.",
    "zh": "以回答开头的对话前面保留 [gMASK]<sop>，不训练的 token 从那里数起，于是角色标签和工具说明也参与训练。",
}
SECOND_PREFIX: Text = {
    "en": "A system message that isn't the first brings a second [gMASK]<sop>.",
    "zh": "不在最前面的 system 消息会再带来一个 [gMASK]<sop>。",
}
STEP_MASK: Text = {
    "en": "step_loss_mask other than 1 on a message turns its loss off.",
    "zh": "消息的 step_loss_mask 不是 1 时，它不参与训练。",
}
MAX_LENGTH: Text = {
    "en": "slime has no limit here; a limit given to glm4viz cuts the tail",
    "zh": "slime 在这里没有长度上限；给 glm4viz 的上限会丢弃尾部",
}
QUIRKS = (NO_STOP, ALONE, OWN_TAGS, BEGINS, SECOND_PREFIX)


def _slime(id: str, t: Template, untrained: int, rule: Text, *quirks: Text) -> Recipe:
    return Recipe(
        id=id,
        system="slime",
        source=Source("THUDM/slime", "slime/utils/mask_utils.py", "624b824", "2026-08-21"),
        rule=rule,
        max_length=MAX_LENGTH,
        layout=piecewise(t, untrained, "step_loss_mask"),
        form="openai",
        vocabulary="glm-4.5",
        served="glm4.5" if t is GLM45 else "glm4.7",
        quirks=(*QUIRKS, *quirks, STEP_MASK, SPLIT, STRIPPED, ALIVE),
    )


RECIPES = (
    _slime(
        "slime-glm4.5",
        GLM45,
        1,
        {
            "en": "Every message is rendered alone. Of an answer everything behind <|assistant|> is trained, its thought included; the tag that "
            "ends it never is.",
            "zh": "每条消息单独渲染。回答中 <|assistant|> 之后的全部内容都参与训练，包括思考；结束它的标签从不训练。",
        },
    ),
    _slime(
        "slime-glm4.7",
        GLM47,
        2,
        {
            "en": "Every message is rendered alone. Of an answer everything behind <|assistant|> and one more token is trained: the generation "
            "prompt of GLM-4.7 ends in <think>. The tag that ends the answer is never trained.",
            "zh": "每条消息单独渲染。回答中 <|assistant|> 和再后一个 token 之后的内容参与训练：GLM-4.7 的生成提示以 <think> 结尾。结束回答的标签从不训练。",
        },
        {
            "en": "The first token of the thought is never trained, neither <think> nor the lone </think> of an empty one.",
            "zh": "思考的第一个 token 从不训练，无论是 <think> 还是空思考的单个 </think>。",
        },
    ),
)
