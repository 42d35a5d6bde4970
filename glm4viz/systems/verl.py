"""verl's MultiTurnSFTDataset on GLM-4.5: every message rendered by itself, then held against the rendering of the whole.

Where the two differ it stops, unless it is told to go on with the joined pieces.
"""

from collections.abc import Callable, Sequence

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Writer
from glm4viz.recipe import Recipe, Source
from glm4viz.systems.glm45 import GLM45, official
from glm4viz.systems.slime import ALONE, BEGINS, NO_STOP, OWN_TAGS, SECOND_PREFIX, piecewise
from glm4viz.systems.trl_glm45 import ALIVE, SPLIT, STRIPPED
from glm4viz.texts import Text


def dataset(*, ignore_mismatch: bool) -> Callable[[Sequence[Message], Writer], None]:
    """The pieces, which must be the ids of the whole conversation, unless `ignore_input_ids_mismatch` is set."""
    pieces = piecewise(GLM45, 1)

    def layout(messages: Sequence[Message], w: Writer) -> None:
        pieces(messages, w)
        whole = "".join(segment.text for block in official(messages, w.tools, GLM45) for segment in block)
        joined = "".join(piece.text for piece in w.rows[-1])
        if not ignore_mismatch and joined != whole:
            raise RecipeRejects(
                "verl stops at this conversation (AssertionError: the messages rendered one by one are not the conversation rendered as a "
                "whole). Drop thoughts of earlier rounds, join tool results in a row, or set ignore_input_ids_mismatch.",
                "verl 会在这段对话上报错（AssertionError：逐条渲染的结果与整段渲染不同）。请去掉较早轮次的思考、合并连续的工具结果，"
                "或设置 ignore_input_ids_mismatch。",
            )

    return layout


RULE: Text = {
    "en": "Every message is rendered alone. Of an answer everything behind <|assistant|> is trained, its thought included; the tag that ends "
    "it never is.",
    "zh": "每条消息单独渲染。回答中 <|assistant|> 之后的全部内容都参与训练，包括思考；结束它的标签从不训练。",
}
MAX_LENGTH: Text = {
    "en": "max_length with truncation: right; by default verl stops at a longer sample",
    "zh": "max_length，truncation 为 right；默认情况下 verl 遇到更长的样本会报错",
}


def _verl(id: str, quirk: Text, *, ignore_mismatch: bool) -> Recipe:
    return Recipe(
        id=id,
        system="verl",
        source=Source("volcengine/verl", "verl/utils/dataset/multiturn_sft_dataset.py", "b178a3c", "2026-01-29"),
        rule=RULE,
        max_length=MAX_LENGTH,
        layout=dataset(ignore_mismatch=ignore_mismatch),
        form="openai",
        vocabulary="glm-4.5",
        served="glm4.5",
        quirks=(quirk, NO_STOP_HERE, ALONE, OWN_TAGS, BEGINS, SECOND_PREFIX, SPLIT, STRIPPED, ALIVE),
    )


NO_STOP_HERE: Text = {
    language: text.split(" (")[0].split("（")[0] + ("." if language == "en" else "。") for language, text in NO_STOP.items()
}

RECIPES = (
    _verl(
        "verl-glm4.5",
        {
            "en": "Conversations with a thought in an earlier round, or with two tool results in a row, stop it.",
            "zh": "较早轮次带有思考的对话，或有两个连续工具结果的对话，都会让它报错。",
        },
        ignore_mismatch=False,
    ),
    _verl(
        "verl-glm4.5-ignore-mismatch",
        {
            "en": "ignore_input_ids_mismatch: the joined pieces are trained, which are not what a server's prompt looks like.",
            "zh": "ignore_input_ids_mismatch：训练拼接的结果，而它与服务端的提示并不相同。",
        },
        ignore_mismatch=True,
    ),
)
