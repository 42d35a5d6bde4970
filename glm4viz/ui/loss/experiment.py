"""The Loss page's experiment: the demo model and its twin, which was never trained to stop, answer the same question."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.errors import ModelError, VocabularyMismatch
from glm4viz.figures.base import digits
from glm4viz.figures.loss import stop_bars
from glm4viz.labelling.single import label
from glm4viz.loss.answers import answer_losses
from glm4viz.loss.demo import HERE
from glm4viz.readers import read_conversations
from glm4viz.recipe import LabelledSample
from glm4viz.ui.i18n import language, t
from glm4viz.ui.loss.models import DEMOS, Choice
from glm4viz.ui.loss.run import compute
from glm4viz.ui.theme import FIGURE, theme

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel, Generation, StopProbabilities

NEW_TOKENS = 96
KNOWN = 0.5  # a model knows an answer whose tokens it finds likelier than not, on (geometric) average
Question = list[dict[str, Any]]


@dataclass(frozen=True)
class Found:
    """What came out for the conversation with this key. chance: see `answer_chance`; question: what was asked in the end."""

    key: str
    chance: float
    question: Question
    stops: dict[str, list["StopProbabilities"]]
    answers: dict[str, "Generation"]

    @property
    def known(self) -> bool:
        return self.chance > KNOWN


def show_stop_experiment(sample: LabelledSample) -> None:
    """Closed at first. A question that the demo model doesn't know is put aside for one that it does: its answer would be chance."""
    fold = st.expander(t("experiment"), icon=":material/science:", key="experiment", on_change="rerun")
    if not fold.open:
        return
    with fold:
        st.markdown(t("experiment.help"))
        key = f"{language()} {sample.recipe.id} {sample.input_ids.tobytes().hex()}"
        found: Found | None = st.session_state.get("experiment_found")
        if found is None or found.key != key:
            found = _ask(sample, key)
        if found is None:
            return
        st.session_state.experiment_found = found
        if found.known:
            st.markdown(t("experiment.asked"))
        else:
            unknown = np.isfinite(found.chance)
            why = t("experiment.unknown", odds=digits(1 / max(found.chance, 1e-9))) if unknown else t("experiment.no_answer")
            st.info(f"{why} {t('experiment.instead')}", icon=":material/swap_horiz:")
        st.code(found.question[-1]["content"][:500], language=None, wrap_lines=True)
        _show(found.stops, found.answers)


def _ask(sample: LabelledSample, key: str) -> Found | None:
    """Both models about this conversation, or about a known one; None, with a sentence on the page, if they can't be had."""
    chance = compute(Choice(DEMOS[0]), lambda model, _: answer_chance(model, sample), key="experiment_known")
    if chance is None:
        return None
    asked = sample if chance > KNOWN else label(known_conversation(language()))
    question = first_question(asked)
    stops: dict[str, list[StopProbabilities]] = {}
    answers: dict[str, Generation] = {}
    for name in DEMOS:
        answer = compute(Choice(name), lambda model, progress: _answer(model, asked, question, progress), key=name)
        if answer is None:
            return None
        stops[name], answers[name] = answer
    return Found(key, chance, question, stops, answers)


def answer_chance(model: "AnyModel", sample: LabelledSample) -> float:
    """The probability, on geometric average, of the tokens of the answer to the first question; nan if it has none."""
    from glm4viz.loss import token_losses

    asked = len(first_question(sample))
    try:
        answers = [a for a in answer_losses(sample, token_losses(model, sample)) if a.message_index == asked] if asked else []
    except VocabularyMismatch as error:
        raise ModelError(error.said) from None
    return float(np.exp(-np.nanmean(answers[0].nll))) if answers else float("nan")


def first_question(sample: LabelledSample) -> Question:
    """The conversation up to its first question; empty if it asks nothing."""
    for m, message in enumerate(sample.messages):
        if message["role"] == "user" and message["content"]:
            return [dict(message) for message in sample.messages[: m + 1]]
    return []


def known_conversation(language: str) -> Conversation:
    """The first that the demo model was trained on in this language."""
    found = (read for read in read_conversations(HERE / "conversations.jsonl") if isinstance(read, Conversation))
    return next(read for read in found if any("一" <= c <= "鿿" for c in str(read.messages[-1]["content"])) == (language == "zh"))


def _answer(
    model: "AnyModel", sample: LabelledSample, question: Question, progress: Callable[[float], None]
) -> tuple[list["StopProbabilities"], "Generation"]:
    from glm4viz.loss import generate, stop_probabilities

    written = 0

    def one_more(_: int) -> None:
        nonlocal written
        written += 1
        progress(written / NEW_TOKENS)

    return stop_probabilities(model, sample), generate(model, question, max_new_tokens=NEW_TOKENS, on_token=one_more)


def _show(stops: dict[str, list["StopProbabilities"]], answers: dict[str, "Generation"]) -> None:
    """Both side by side: how likely each is to stop at the end of every answer, and what it does when it answers itself."""
    rows = [(f"[{stop.message_index}]", t(f"experiment.{name}"), stop.total) for name, found in stops.items() for stop in found]
    if rows:
        st.markdown(t("experiment.chances"))
        st.plotly_chart(stop_bars(rows, theme()), key="stop_bars", config=FIGURE, alt=t("experiment.alt"))
    for (name, answer), column in zip(answers.items(), st.columns(len(answers)), strict=True):
        with column, st.container(border=True):
            st.markdown(f"**{t(f'experiment.{name}')}**")
            st.code(answer.text.lstrip("\n"), language=None, wrap_lines=True)
            if answer.stopped_by:
                st.success(t("experiment.stopped", stop=f"`{answer.stopped_by}`", count=len(answer.ids)), icon=":material/check_circle:")
            else:
                st.warning(t("experiment.ran_on", count=len(answer.ids)), icon=":material/all_inclusive:")
