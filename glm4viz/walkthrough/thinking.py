"""The second act: what GLM-4.5's template does with a thought once the next question comes, and what two frameworks then train.

Every step reads results of the library (the template's text, the server's prompt, labelled samples, thoughts, parity) and makes no mask.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError
from glm4viz.forms import take
from glm4viz.inference.parity import Parity, parity
from glm4viz.inference.prompts import inference_prompts
from glm4viz.labelling.single import label
from glm4viz.layout import Message
from glm4viz.reading.thoughts import Thought, has_thought, thoughts
from glm4viz.recipe import LabelledSample, Mask
from glm4viz.systems.glm45 import GLM45, last_user, official
from glm4viz.systems.registry import load_tokenizer
from glm4viz.tokenizer import Ids, Tokenizer

Kind = Literal["fresh", "served", "trained", "parity"]

TEMPLATE = "glm4.5"
TRAINED_BY = ("trl-glm4.5", "slime-glm4.5")  # the server's own template, and one that keeps every thought
MOST_CHARACTERS = 2_000_000  # of the prompts before all answers together; a longer conversation is not taken


def _short(question: str, thought: str, answer: str, more: str, second: str, last: str) -> list[Message]:
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "reasoning_content": thought, "content": answer},
        {"role": "user", "content": more},
        {"role": "assistant", "reasoning_content": second, "content": last},
    ]


SHORT = {
    "en": _short("What is 3 × 17?", "3 × 10 = 30, 3 × 7 = 21.", "51.", "And 9 more?", "51 + 9 = 60.", "60."),
    "zh": _short("3 × 17 是多少？", "3 × 10 = 30，3 × 7 = 21。", "51。", "再加 9 是多少？", "51 + 9 = 60。", "60。"),
}


class Row(NamedTuple):
    """One sequence of tokens, int32 [T]. inside [T]: the tokens from a <think> to its </think>, both included.

    What a framework trains also has its `sample`, what became of the answer's thought there, and its parity with the server.
    """

    ids: Ids
    inside: Mask
    sample: LabelledSample | None = None
    thought: Thought | None = None
    parity: tuple[Parity, ...] = ()

    @property
    def leaves(self) -> Parity | None:
        """The first answer that doesn't stand behind what the server feeds; None where all do."""
        return next((answer for answer in self.parity if not answer.same), None)

    @property
    def skips(self) -> bool:
        """Whether the answer's thought was dropped and an empty one is trained in its place."""
        return self.thought is not None and self.thought.given and self.thought.written == "empty" and self.thought.trained > 0


class Step(NamedTuple):
    """fresh: the conversation up to the answer, as the template writes it. served: the server's prompt for the next answer.
    trained, parity: a row for each of TRAINED_BY."""

    kind: Kind
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """answer: the message whose thought it is about. later: the answer to the question that came after it. own: the reader's messages."""

    messages: Sequence[Message]
    answer: int
    later: int
    own: bool
    tokenizer: Tokenizer
    steps: tuple[Step, ...]

    @property
    def vanished(self) -> int:
        """How many tokens of thought, without tags, the template wrote while the answer was fresh and the server's prompt no longer has."""
        fresh, served = (thought_tokens(self.steps[k].rows[0], self.tokenizer) for k in (0, 1))
        return fresh - served


def second_act(conversation: Conversation | Sequence[Message] | None, language: str = "en") -> Act:
    """The steps on the reader's conversation, if it has a thought in an answer before its last question and an answer behind that;
    on a short one in `language` if it hasn't, is too long, or is refused by the template or a framework.
    """
    if conversation is not None:
        try:
            taken = take(conversation, "openai")
            if _is_short(taken.messages) and (found := _answers(taken.messages)):
                return _act(taken.messages, taken.tools, *found, own=True)
        except Glm4vizError:
            pass
    return _act(SHORT[language], None, 1, 3, own=False)


def _is_short(messages: Sequence[Message]) -> bool:
    answers = sum(1 for message in messages if message["role"] == "assistant")
    return answers * len(json.dumps(messages, default=repr)) // 2 <= MOST_CHARACTERS


def _answers(messages: Sequence[Message]) -> tuple[int, int] | None:
    """The last answer with a thought before the last question, and the first answer after that question."""
    asked = last_user(messages)
    answers = [m for m, message in enumerate(messages) if message["role"] == "assistant"]
    earlier = [m for m in answers if m < asked and has_thought(messages[m])]
    later = [m for m in answers if m > asked]
    return (earlier[-1], later[0]) if earlier and later else None


def _act(messages: Sequence[Message], tools: Sequence[Any] | None, answer: int, later: int, *, own: bool) -> Act:
    tok = load_tokenizer("glm-4.5")
    text = "".join(segment.text for block in official(messages[: answer + 1], tools, GLM45) for segment in block)
    fresh = np.array(tok.encode(text, specials=True), np.int32)
    prompt = next(prompt for prompt in inference_prompts(messages, TEMPLATE, tools, tokenizer=tok) if prompt.message_index == later)
    if prompt.ids is None:
        raise Glm4vizError(prompt.error)
    rows = tuple(_trained(label(messages, recipe, tok, tools=tools), answer) for recipe in TRAINED_BY)
    steps = (
        Step("fresh", (Row(fresh, _inside(fresh, tok)),)),
        Step("served", (Row(prompt.ids, _inside(prompt.ids, tok)),)),
        Step("trained", rows),
        Step("parity", rows),
    )
    return Act(messages, answer, later, own, tok, steps)


def _trained(sample: LabelledSample, answer: int) -> Row:
    thought = next((thought for thought in thoughts(sample) if thought.message == answer), None)
    return Row(sample.input_ids, _inside(sample.input_ids, sample.tokenizer), sample, thought, tuple(parity(sample, TEMPLATE)))


def _inside(ids: Ids, tokenizer: Tokenizer) -> Mask:
    opens, closes = (ids == tokenizer.named_id(tag) for tag in ("<think>", "</think>"))
    inside: Mask = (np.cumsum(opens) > np.cumsum(closes)) | closes
    return inside


def thought_tokens(row: Row, tokenizer: Tokenizer) -> int:
    """How many tokens stand between the row's tags of thought."""
    tags = [tokenizer.named_id(tag) for tag in ("<think>", "</think>")]
    return int((row.inside & ~np.isin(row.ids, tags)).sum())
