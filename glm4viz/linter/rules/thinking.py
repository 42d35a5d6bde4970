"""Rules on thoughts: lost on the way, or taught to be empty."""

from collections.abc import Iterator

import numpy as np

from glm4viz.layout import PARTS, Message
from glm4viz.linter.case import Case, around
from glm4viz.linter.findings import Hit, rule
from glm4viz.linter.probe import reads_reasoning
from glm4viz.recipe import LabelledSample
from glm4viz.systems.glm45 import think_apart
from glm4viz.texts import both

_THINK = PARTS.index("think")
_OTHER_NAMES = ("reasoning", "thinking")  # of vLLM's answers and of transformers' newer templates


@rule(
    "reasoning-ignored",
    "warning",
    title=both("A thought that this recipe doesn't read", "这个配方不读取的思考"),
    harm=both(
        "The recipe drops it without a word: the answer is trained as if nothing had been thought before it. Recipes of GLM-4.5 and later "
        "read reasoning_content, and no other name of it.",
        "这个配方会不声不响地丢掉它：回答会像没有思考过一样参与训练。GLM-4.5 及更新版本的配方只读取 reasoning_content，不读取别的名字。",
    ),
    mend=both(
        "Choose a recipe of GLM-4.5 or later, and put the thought into the answer's reasoning_content. If no thought is meant to be trained, "
        "remove the key.",
        "请选择 GLM-4.5 或更新版本的配方，并把思考写在回答的 reasoning_content 里。如果本来就不想训练思考，请删去这个键。",
    ),
    evidence=("NeMo Automodel PR #2348", "GLM-V #125"),
)
def reasoning_ignored(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        answer = message["role"] == "assistant"
        if _reasoning(message) and not (answer and reads_reasoning(case.recipe)):
            yield Hit(m, f"reasoning_content ({message['role']})")
        elif answer and (names := [name for name in _OTHER_NAMES if _is_said(message.get(name))]):
            yield Hit(m, names[0])


@rule(
    "empty-reasoning",
    "warning",
    title=both("An empty reasoning_content hides the thought in the content", "空的 reasoning_content 遮住了 content 里的思考"),
    harm=both(
        "GLM-4.5's template takes reasoning_content, if it is there at all, for the whole thought. An empty one makes an empty thought, and "
        "the one written out in the content becomes a part of the answer's text.",
        "只要有 reasoning_content，GLM-4.5 的模板就把它当作全部思考。它为空时写出的是空思考，而 content 里写出的思考会变成回答正文的一部分。",
    ),
    mend=both("Move the thought into reasoning_content, or remove the key.", "请把思考移到 reasoning_content，或删去这个键。"),
    forms=("openai",),
)
def empty_reasoning(case: Case) -> Iterator[Hit]:
    for m, content in case.texts:
        reasoning = case.messages[m].get("reasoning_content")
        if case.messages[m]["role"] == "assistant" and isinstance(reasoning, str) and not reasoning.strip() and "</think>" in content:
            yield Hit(m)


@rule(
    "thought-dropped",
    "warning",
    title=both("A thought isn't in the sample", "样本里没有这个思考"),
    harm=both(
        "The recipe leaves this answer's thought out, as the template does before the last user message, and the answer is trained with an "
        "empty thought in its place: the model learns to answer without thinking.",
        "配方略去了这个回答的思考，就像模板对最后一条 user 消息之前的思考那样，回答接着空思考参与训练：模型会学着不思考就回答。",
    ),
    mend=both(
        "Split the conversation so that each answer with a thought comes after the last user message, or train the last answers only.",
        "请拆分对话，让每个带思考的回答都在最后一条 user 消息之后，或只训练最后的回答。",
    ),
    evidence=("Fireworks cookbook PR #386", "GLM-V #21", "GLM-V #125", "ms-swift #9427"),
    labelled=True,
    forms=("openai",),
)
def thought_dropped(case: Case) -> Iterator[Hit]:
    for sample, turn in case.turns:
        message = case.messages[turn.message]
        if turn.state != "whole" or not turn.trained or (_reasoning(message) and not reads_reasoning(case.recipe)):
            continue
        thought = think_apart(message).thought.strip()
        if thought and thought.encode() not in _text(sample, turn.message):
            yield Hit(turn.message, repr(thought[:40]), tokens=_thinking(sample, turn.message))


@rule(
    "empty-think-trained",
    "info",
    title=both("An empty thought is trained", "空的思考参与了训练"),
    harm=both(
        "The answer has no thought, and the tags of an empty one are trained: the model learns to skip thinking where the server leaves it on.",
        "回答没有思考，空思考的标签却参与训练：在服务端开着思考时，模型会学着跳过它。",
    ),
    mend=both(
        "Fine if a model that doesn't think is wanted. If not, add thoughts as reasoning_content, or mask the empty ones.",
        "如果想要的就是不思考的模型，这没有问题。否则请以 reasoning_content 补上思考，或屏蔽空的思考。",
    ),
    evidence=("NeMo Automodel PR #3739", "Fireworks cookbook PR #386"),
    labelled=True,
    forms=("openai",),
)
def empty_think_trained(case: Case) -> Iterator[Hit]:
    for sample in case.samples:
        taught = [turn.message for of, turn in case.turns if of is sample and _teaches_empty(sample, turn.message)]
        if taught:
            yield Hit(taught[0], ", ".join(map(str, taught[:8])), tokens=_thinking(sample, taught[0]))


def _teaches_empty(sample: LabelledSample, m: int) -> bool:
    if think_apart(sample.messages[m]).thought.strip():
        return False  # it has one; if that was dropped, another rule says so
    own = (sample.message_index == m) & (sample.part_codes == _THINK)
    written = b"".join(sample.token_bytes[at] for at in np.flatnonzero(own).tolist())
    return bool((own & sample.trained).any()) and not written.replace(b"<think>", b"").replace(b"</think>", b"").strip()


# ---------------------------------------------------------------------------------------------------------------------


def _reasoning(message: Message) -> bool:
    return _is_said(message.get("reasoning_content"))


def _is_said(thought: object) -> bool:
    return isinstance(thought, str) and bool(thought.strip())


def _text(sample: LabelledSample, m: int) -> bytes:
    return b"".join(sample.token_bytes[at] for at in np.flatnonzero(sample.message_index == m).tolist())


def _thinking(sample: LabelledSample, m: int) -> tuple[int, int] | None:
    """The tokens of the thought that stands in message `m`, tags included."""
    return around(np.flatnonzero((sample.message_index == m) & (sample.part_codes == _THINK)).tolist())


RULES = (reasoning_ignored, empty_reasoning, thought_dropped, empty_think_trained)
