"""parity: does what was trained begin, at every answer, with what a server will feed before it?

Where it doesn't, the model is taught under a context that it will never see again.
"""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from glm4viz.errors import Glm4vizError, TokenizerError
from glm4viz.inference.prompts import inference_prompts
from glm4viz.recipe import LabelledSample
from glm4viz.texts import Text, both
from glm4viz.tokenizer import Ids, Tokenizer

Kind = Literal["same", "prefill", "rewritten"]
MOST_TOKENS = 5_000_000  # of all prompts together: half as many tokens as a sample has, for every answer
SHOWN = 12  # tokens of each side from the difference on


class Parity(NamedTuple):
    """One answer. position: of the first token that differs, -1 where all are the same; expected, got: the server's text and the
    sample's from there on. kind: prefill, if only what the server puts behind the last <|assistant|> differs; rewritten, if
    anything before it does.
    """

    message_index: int
    same: bool
    position: int
    kind: Kind
    expected: str = ""
    got: str = ""

    @property
    def said(self) -> Text:
        """Where the answer leaves the server's prompt, and the texts there; empty where it doesn't."""
        if self.same:
            return both("", "")
        return both(
            f"from token {self.position} on a server feeds “{self.expected}”, and the sample has “{self.got}”",
            f"从第 {self.position} 个 token 起，服务端输入“{self.expected}”，而样本里是“{self.got}”",
        )


def parity(sample: LabelledSample, template: str | Path = "glm4.5") -> list[Parity]:
    """For each answer that the sample holds and that the template makes a prompt for, in order. Raises as inference_prompts does."""
    prompts = inference_prompts(sample.messages, template, sample.tools, tokenizer=sample.tokenizer)
    present = set(np.unique(sample.message_index).tolist())
    return [
        _compare(sample, prompt.message_index, prompt.ids)
        for prompt in prompts
        if prompt.ids is not None and prompt.message_index in present
    ]


def takes_long(sample: LabelledSample) -> bool:
    """Whether parity is too much to work out while somebody waits."""
    answers = sum(1 for message in sample.messages if message["role"] == "assistant")
    return answers * len(sample) // 2 > MOST_TOKENS


def served_parity(sample: LabelledSample) -> list[Parity] | None:
    """Parity with the template that the recipe's model is served with; None where nobody knows it, or it can't be given these messages."""
    if not sample.recipe.served:
        return None
    try:
        return parity(sample, sample.recipe.served)
    except Glm4vizError:
        return None


def _compare(sample: LabelledSample, m: int, prompt: Ids) -> Parity:
    held = sample.input_ids[: len(prompt)]
    unequal = np.flatnonzero(held != prompt[: len(held)])
    at = int(unequal[0]) if len(unequal) else len(held)
    if at == len(prompt):
        return Parity(m, True, -1, "same")
    tag = sample.tokenizer.named_id("<|assistant|>")
    opener = int(np.flatnonzero(prompt == tag)[-1]) + 1 if (prompt == tag).any() else len(prompt)
    kind: Kind = "prefill" if at >= opener else "rewritten"
    tok = sample.tokenizer
    return Parity(m, False, at, kind, _text(tok, prompt[at : at + SHOWN]), _text(tok, sample.input_ids[at : at + SHOWN]))


def _text(tokenizer: Tokenizer, ids: Ids) -> str:
    try:
        return b"".join(tokenizer.all_bytes(ids)).decode("utf-8", "replace")
    except TokenizerError:
        return " ".join(map(str, ids.tolist()))
