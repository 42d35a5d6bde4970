"""What a server says about the tokens of one sample, checked as it is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glm4viz.errors import ModelError
from glm4viz.loss.results import Floats, Whole

SLACK = 1e-2  # of log-probabilities and of sums of probabilities, which servers round
LOWEST = 1e4  # nats: vLLM writes -9999 for a probability of 0
MOST_TOKENS = 1 << 31  # of a vocabulary
Likely = Sequence[tuple[int, float]]  # an id, -1 where the server names none, and its log-probability


@dataclass(frozen=True)
class Scores:
    """Arrays as in TokenLosses, entry 0 nan and -1. `texts`: what the server says each token stands for, None where it doesn't."""

    address: str
    nll: Floats
    rank: Whole
    top_ids: Whole
    top_logprobs: Floats
    texts: list[str | None]

    @classmethod
    def blank(cls, address: str, count: int, top_k: int) -> "Scores":
        nan, none = np.full(count, np.nan, np.float32), np.full(count, -1, np.int64)
        return cls(address, nan, none, np.full((count, top_k), -1, np.int64), np.full((count, top_k), np.nan, np.float32), [None] * count)

    def put(self, i: int, logprob: Any, likely: Likely, rank: Any = None, text: Any = None) -> None:
        """What is said of token i: its own log-probability and those of the likeliest, which may be among more or fewer than k.

        rank: of the token, from 1, as the server counts it. Where it doesn't, the likeliest tell it if the token is among them.
        Raises ModelError for what no model can have said.
        """
        own = self._checked(logprob)
        best = sorted(((token, self._checked(value)) for token, value in likely), key=lambda pair: -pair[1])[: self.top_ids.shape[1]]
        if best and (own > best[0][1] + SLACK or sum(math.exp(value) for _, value in best) > 1 + SLACK):
            raise stale(self.address)
        self.nll[i] = -own
        if isinstance(rank, int) and not isinstance(rank, bool) and 1 <= rank < MOST_TOKENS:
            self.rank[i] = rank - 1
        elif best and own >= best[-1][1] - 1e-6:
            self.rank[i] = sum(value > own + 1e-6 for _, value in best)
        for column, (token, value) in enumerate(best):
            self.top_ids[i, column], self.top_logprobs[i, column] = token, value
        self.texts[i] = text if isinstance(text, str) else None

    def _checked(self, value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise missing(self.address)
        if not -LOWEST <= value <= SLACK:  # which no nan is, and which a whole number of any length can be asked
            raise stale(self.address)
        return min(0.0, float(value))


def as_list(value: Any, address: str, length: int) -> list[Any]:
    """The value, if it is a list of at least so many entries. Raises ModelError."""
    if not isinstance(value, list) or len(value) < length:
        raise missing(address)
    return value


def missing(address: str) -> ModelError:
    """The sentence for log-probabilities that aren't there."""
    return ModelError(
        f"{address} gives no log-probability for some tokens of the prompt, so there are no losses. vLLM gives them as prompt_logprobs, "
        "SGLang with logprob_start_len; a proxy before the server may drop them.",
        f"{address} 没有给出提示中部分 token 的对数概率，因此算不出损失。vLLM 用 prompt_logprobs 给出，SGLang 用 logprob_start_len；"
        "服务器前面的代理可能会把它们丢掉。",
    )


def stale(address: str) -> ModelError:
    """The sentence for numbers that are no log-probabilities of these tokens."""
    return ModelError(
        f"{address} gives numbers that can't be the log-probabilities of these tokens: left over from another request, or of logits. Start "
        "vLLM with --no-enable-prefix-caching and --logprobs-mode raw_logprobs, SGLang with --disable-radix-cache.",
        f"{address} 给出的数不可能是这些 token 的对数概率：可能是别的请求遗留的，或者是 logits。请用 --no-enable-prefix-caching 和 "
        "--logprobs-mode raw_logprobs 启动 vLLM，用 --disable-radix-cache 启动 SGLang。",
    )


def other_tokens(address: str) -> ModelError:
    """The sentence for an answer about other tokens than those that were asked about."""
    return ModelError(
        f"{address} answers about other tokens than those it was asked about: it cut, changed or tokenized the prompt again.",
        f"{address} 回答的不是所问的 token：它截断、改动或重新切分了提示。",
    )
