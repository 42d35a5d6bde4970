"""Two models on one sample: what the second has learned over the first, and whether it learned to stop."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glm4viz.loss.answers import StopChance, stop_chances, wanted_nll
from glm4viz.loss.results import Floats, TokenLosses
from glm4viz.loss.shares import By, loss_shares
from glm4viz.recipe import LabelledSample
from glm4viz.texts import Text, both, fill

LIKELY = 0.5  # it stops where it is more likely to stop than to go on

STOPS = both(
    "Where an answer ends, {base} would stop at {base_count} of {count} (probability {base_mean:.1%} on average), {tuned} at {tuned_count} "
    "of {count} ({tuned_mean:.1%}).",
    "在回答结束的地方，{base} 会在 {count} 处中的 {base_count} 处停下（平均概率 {base_mean:.1%}），{tuned} 会在 {tuned_count} 处停下（{tuned_mean:.1%}）。",
)
LEARNED = both("{tuned} has learned to stop; {base} hasn't.", "{tuned} 学会了停下，{base} 没有。")
FORGOT = both("{base} has learned to stop; {tuned} hasn't.", "{base} 学会了停下，{tuned} 没有。")
NO_END = both("No answer here has an end, so whether the models stop can't be told.", "这里没有回答的结尾，看不出模型会不会停下。")


@dataclass(frozen=True)
class GroupDifference:
    """The trained or the masked tokens of one role, message or part, with their mean loss under both models, in nats."""

    name: str
    message_index: int | None
    trained: bool
    tokens: int
    base: float
    tuned: float

    @property
    def change(self) -> float:
        return self.tuned - self.base


@dataclass(frozen=True)
class LossDifference:
    """nll float32 [T]: the second model's loss less the first's, in nats; below 0 the second knows the token better.

    base_stops, tuned_stops: for every answer that has an end, how likely each model is to stop there.
    """

    nll: Floats
    roles: tuple[GroupDifference, ...]
    messages: tuple[GroupDifference, ...]
    parts: tuple[GroupDifference, ...]
    base_stops: tuple[StopChance, ...]
    tuned_stops: tuple[StopChance, ...]

    def groups(self, by: By) -> tuple[GroupDifference, ...]:
        return {"role": self.roles, "message": self.messages, "part": self.parts}[by]

    def about_stopping(self, base: str, tuned: str) -> list[Text]:
        """Whether each has learned to stop, in sentences; the models by these names."""
        return about_stopping(self.base_stops, self.tuned_stops, base, tuned)


def about_stopping(base_stops: Sequence[StopChance], tuned_stops: Sequence[StopChance], base: str, tuned: str) -> list[Text]:
    """The same of the answers of several samples."""
    if not base_stops:
        return [NO_END]
    count = len(base_stops)
    means = [sum(stop.probability for stop in stops) / count for stops in (base_stops, tuned_stops)]
    counts = [sum(stop.probability > LIKELY for stop in stops) for stops in (base_stops, tuned_stops)]
    told = {"base": base, "tuned": tuned, "count": count, "base_count": counts[0], "tuned_count": counts[1]}
    found = [fill(STOPS, **told, base_mean=means[0], tuned_mean=means[1])]
    if counts == [0, count]:
        found.append(fill(LEARNED, base=base, tuned=tuned))
    if counts == [count, 0]:
        found.append(fill(FORGOT, base=base, tuned=tuned))
    return found


def loss_difference(sample: LabelledSample, base: TokenLosses, tuned: TokenLosses) -> LossDifference:
    """What changed from one model to the other, both asked about the same sample. Raises ValueError for losses of another sample."""
    if not len(sample) == len(base) == len(tuned):
        raise ValueError(f"losses of {len(base)} and {len(tuned)} tokens for a sample of {len(sample)}: they belong to another sample")

    def groups(by: By) -> tuple[GroupDifference, ...]:
        pairs = zip(loss_shares(sample, base, by), loss_shares(sample, tuned, by), strict=True)
        return tuple(GroupDifference(a.name, a.message_index, a.trained, a.tokens, a.mean, b.mean) for a, b in pairs)

    return LossDifference(
        nll=np.asarray(wanted_nll(tuned) - wanted_nll(base), np.float32),
        roles=groups("role"),
        messages=groups("message"),
        parts=groups("part"),
        base_stops=tuple(stop_chances(sample, base)),
        tuned_stops=tuple(stop_chances(sample, tuned)),
    )
