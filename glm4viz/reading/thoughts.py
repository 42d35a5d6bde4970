"""What became of each answer's thought: kept, emptied or left out, and whether it is trained."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from glm4viz.layout import PARTS
from glm4viz.reading.stops import Positions
from glm4viz.reading.verdict import positions
from glm4viz.recipe import LabelledSample, Mask
from glm4viz.systems.glm45 import last_user
from glm4viz.texts import Text

THINK = PARTS.index("think")


class Thought(NamedTuple):
    """One answer's thought.

    given: the conversation has one. written: the sample has its text, only the tags of an empty one, or nothing. trained: how many of
    its tokens carry a label. opener_trained: its first tag does. earlier: a user message follows, so GLM-4.5's templates hide it.
    """

    message: int
    given: bool
    written: Literal["kept", "empty", "absent"]
    trained: int
    opener_trained: bool
    earlier: bool

    @property
    def text(self) -> Text:
        """What became of it, in a clause."""
        state = self.written if self.written != "empty" else "dropped" if self.given else "empty"
        return _CLAUSES[state, self.trained > 0]


_CLAUSES: dict[tuple[str, bool], Text] = {
    ("kept", True): {"en": "thought trained", "zh": "思考参与训练"},
    ("kept", False): {"en": "thought read, not trained", "zh": "思考只读，不训练"},
    ("dropped", True): {"en": "thought dropped, an empty one trained", "zh": "思考被丢弃，改为训练空思考"},
    ("dropped", False): {"en": "thought dropped, an empty one in its place", "zh": "思考被丢弃，换成空思考"},
    ("empty", True): {"en": "empty thought trained", "zh": "训练空思考"},
    ("empty", False): {"en": "empty thought, not trained", "zh": "空思考，不训练"},
    ("absent", True): {"en": "thought left out", "zh": "思考被略去"},
    ("absent", False): {"en": "thought left out", "zh": "思考被略去"},
}


def thoughts(sample: LabelledSample) -> list[Thought]:
    """For each answer that has a thought, or was given one; an answer that max_length cut off has none to speak of."""
    asked = last_user(sample.messages)
    found = []
    for m, (message, inside) in enumerate(zip(sample.messages, positions(sample), strict=True)):
        own, given = inside[sample.part_codes[inside] == THINK], has_thought(message)
        own = own if len(own) else inside[_holds_thought(sample, message, inside)]
        if message["role"] != "assistant" or not (len(own) or given) or not len(inside):
            continue
        text = b"".join(sample.tokenizer.all_bytes(sample.input_ids[own])).decode("utf-8", "replace")
        inner = text.replace("<think>", "").replace("</think>", "").strip()
        trained = sample.trained[own]
        found.append(
            Thought(
                message=m,
                given=given,
                written="kept" if inner else "empty" if len(own) else "absent",
                trained=int(trained.sum()),
                opener_trained=bool(len(own) and trained[0]),
                earlier=m < asked,
            )
        )
    return found


def _holds_thought(sample: LabelledSample, message: Mapping[str, Any], inside: Positions) -> Mask:
    """bool [inside]: the tokens of a thought that is text of the content like any other, as recipes without a part for it write it."""
    before, tag, _ = (message.get("content") or "").rpartition("</think>")
    start = sample.spans[inside, 0]
    holds: Mask = (start >= 0) & (start < len((before + tag).encode()))
    return holds


def has_thought(message: Mapping[str, Any]) -> bool:
    """Whether an answer comes with a thought: in `reasoning_content`, or before a </think> in its content."""
    reasoning = message.get("reasoning_content")
    return bool(isinstance(reasoning, str) and reasoning.strip()) or "</think>" in (message.get("content") or "")
