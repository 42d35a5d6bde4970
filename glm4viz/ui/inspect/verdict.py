"""The verdict in words: how much is trained; for every answer whether the model learns to stop, what became of its thought, and whether
the server will feed what stands before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter

import streamlit as st

from glm4viz.inference.parity import Parity
from glm4viz.reading.thoughts import Thought, thoughts
from glm4viz.reading.verdict import Turn, Verdict
from glm4viz.recipe import LabelledSample
from glm4viz.systems.captured import CAPTURED
from glm4viz.texts import printable
from glm4viz.ui.focus import go_to
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.inspect.served import parity_by_message
from glm4viz.ui.widgets.training_config import config_contradicts

SHOWN_TURNS, MOST_TURNS = 6, 200
SHOWN_CHARACTERS = 28  # of each side where the prompts differ
GOOD, BAD, EMPTY = ":green[:material/check_circle:]", ":orange[:material/warning:]", ":gray[:material/remove:]"
WRONG = ":red[:material/error:]"


@dataclass(frozen=True, slots=True)
class Found:
    """All that is said of one sample. By the answer's message, where there is something to say: thoughts, and the parity of trained ones.

    compared: False where parity can't be told, though the model's prompts are known.
    """

    sample: LabelledSample
    verdict: Verdict
    thoughts: Mapping[int, Thought]
    parity: Mapping[int, Parity]
    compared: bool = True


def find(sample: LabelledSample, verdict: Verdict) -> Found:
    trained = {turn.message for turn in verdict.turns if turn.trained}
    compared = parity_by_message(sample)
    served = {m: answer for m, answer in (compared or {}).items() if m in trained}
    return Found(sample, verdict, {thought.message: thought for thought in thoughts(sample)}, served, compared is not None)


def show_verdict(all_found: Found) -> None:
    """Numbers first, then a sentence for each answer, and below it one on its thought and on the server's prompt."""
    found = all_found.verdict
    answers = [turn for turn in found.turns if turn.state != "empty"]
    ends = [turn for turn in answers if not turn.hands_over]
    with st.container(key="verdict"):
        columns = st.columns(4)
        columns[0].metric(t("verdict.trained"), t("verdict.trained.value", trained=found.trained, tokens=found.tokens), border=True)
        trained = sum(turn.trained > 0 for turn in answers)
        columns[1].metric(t("verdict.answers"), t("verdict.of", count=trained, total=len(answers)), border=True)
        stops = sum(turn.stop_trained for turn in ends)
        columns[2].metric(t("verdict.stops"), t("verdict.of", count=stops, total=len(ends)), border=True)
        gone = found.full_length - found.tokens
        columns[3].metric(t("verdict.cut"), t("verdict.cut.value", count=gone) if gone else t("verdict.cut.none"), border=True)
        _headline(all_found, all(map(_is_good, answers)))
        # What is wrong must be in sight, however long the conversation is.
        turns = sorted(enumerate(found.turns, 1), key=lambda turn: _is_good(turn[1]) and _is_served(all_found, turn[1]))
        with st.container(gap=None):
            for number, turn in sorted(turns[:SHOWN_TURNS], key=itemgetter(0)):
                _line(all_found, number, turn)
        if turns[SHOWN_TURNS:]:
            fold = st.expander(t("turns.more", count=len(turns) - SHOWN_TURNS), key="turns_more", on_change="rerun")
            if fold.open:
                with fold, st.container(gap=None):
                    for number, turn in sorted(turns[SHOWN_TURNS:MOST_TURNS], key=itemgetter(0)):
                        _line(all_found, number, turn)


def _headline(all_found: Found, good: bool) -> None:
    found, kinds = all_found.verdict, [answer.kind for answer in all_found.parity.values()]
    rewritten = kinds.count("rewritten")
    if not found.turns:
        st.warning(t("verdict.no_answers"), icon=":material/warning:")
    elif not found.trained:
        st.error(t("verdict.nothing"), icon=":material/error:")
    elif rewritten:
        st.error(t("verdict.rewritten", count=rewritten, total=len(kinds)), icon=":material/error:")
    elif good and (others := _others(all_found)):
        st.error(t("verdict.others", roles=", ".join(t(f"role.{role}") for role in others)), icon=":material/error:")
    elif good and "prefill" in kinds:
        st.warning(t("verdict.prefill", count=kinds.count("prefill"), total=len(kinds)), icon=":material/warning:")
    elif good and not all_found.compared:
        st.info(t("verdict.not_compared"), icon=":material/help:")
    elif good and config_contradicts(all_found.sample.recipe.id):
        st.warning(t("verdict.config"), icon=":material/warning:")
    elif good:
        st.success(t("verdict.good"), icon=":material/check_circle:")


def _others(found: Found) -> list[str]:
    """The roles beside the assistant whose text a run trains. Of a recipe, that is what it promises."""
    text = found.verdict.text if found.sample.recipe.id == CAPTURED.id else {}
    return [role for role, tokens in text.items() if role != "assistant" and tokens.trained]


def _is_good(turn: Turn) -> bool:
    return turn.state == "whole" and turn.trained > 0 and turn.stop_trained and (turn.generation_stops or turn.hands_over)


def _is_served(found: Found, turn: Turn) -> bool:
    return turn.message not in found.parity or found.parity[turn.message].same


def _line(found: Found, number: int, turn: Turn) -> None:
    """A sentence on one answer; a click shows its last token, or what there is of it."""
    sample = found.sample
    icon = GOOD if _is_good(turn) else EMPTY if turn.state == "empty" else BAD
    ending = t(f"turn.{_ending(turn, cut=sample.full_length > len(sample))}", stop=f"`{turn.stop_name}`")
    text = f"{icon} " + t("verdict.turn", turn=number, message=turn.message, trained=turn.trained, ending=ending)
    place = next((at for at in (turn.stop, turn.first) if at is not None), len(sample) - 1)
    st.button(text, key=f"turn_{number}", type="tertiary", on_click=go_to, args=(place,), wrap=True, help=t("turn.go"))
    _before(found, number, turn)


def _before(found: Found, number: int, turn: Turn) -> None:
    """What stands before the answer itself: its thought, and the server's prompt; a click shows where that is left, or the answer's start."""
    thought, served = found.thoughts.get(turn.message), found.parity.get(turn.message)
    if turn.first is None or (thought is None and served is None):
        return
    said, icon, place = [thought.text[language()]] if thought else [], EMPTY, turn.first
    if served is not None:
        icon = {"same": GOOD, "prefill": BAD, "rewritten": WRONG}[served.kind]
        said.append(plain(t(f"parity.{served.kind}", **_sides(served))))
        place = turn.first if served.same else min(served.position, len(found.sample) - 1)
    text = f":gray[:material/subdirectory_arrow_right:] {icon} " + " · ".join(said)
    st.button(text, key=f"before_{number}", type="tertiary", on_click=go_to, args=(place,), wrap=True, help=t("turn.go"))


def _sides(served: Parity) -> dict[str, object]:
    """The difference as texts have it: from where on, and both sides' first characters with what doesn't show escaped."""
    expected, got = (printable(text[:SHOWN_CHARACTERS]) for text in (served.expected, served.got))
    return {"position": served.position, "expected": expected, "got": got}


def _ending(turn: Turn, *, cut: bool) -> str:
    if turn.state in ("empty", "lost", "cut"):
        return turn.state
    if turn.stop is None:
        return "stop_cut" if cut else "stop_missing"
    if not turn.trained:
        return "untrained"
    if turn.hands_over:
        return "hands_over_trained" if turn.stop_trained else "hands_over_masked"
    if not turn.stop_trained:
        return "stop_masked"
    return "stop_trained" if turn.generation_stops else "stop_foreign"


def problems(all_found: Found) -> list[dict[str, object]]:
    """The same faults as marks at tokens, for the token view."""
    sample, found = all_found.sample, all_found.verdict
    marks = _left(all_found)
    if len(sample) and not found.trained:
        marks.append((0, t("problem.nothing"), "error"))
    for number, turn in enumerate(found.turns, 1):
        if turn.state == "whole" and turn.first is not None and not turn.trained:
            marks.append((turn.first, t("problem.turn_untrained", turn=number), "warning"))
        elif turn.stop is not None and not turn.stop_trained:
            marks.append((turn.stop, t("problem.stop_masked", turn=number), "warning"))
    if found.full_length > len(sample):
        marks.append((len(sample) - 1, t("problem.cut", count=found.full_length - len(sample)), "warning"))
    return [{"token": token, "text": text, "severity": severity} for token, text, severity in marks]


def _left(found: Found) -> list[tuple[int, str, str]]:
    """Where the server's prompt is left: one mark for all answers that leave it at the same token."""
    numbers = {turn.message: number for number, turn in enumerate(found.verdict.turns, 1)}
    other = sorted((answer for answer in found.parity.values() if not answer.same), key=attrgetter("position", "message_index"))
    marks = []
    for position, together in groupby(other, attrgetter("position")):
        first, *more = together
        answers = ", ".join(str(numbers[answer.message_index]) for answer in (first, *more))
        text = t(f"problem.{first.kind}", turns=answers, **_sides(first))
        marks.append((min(position, len(found.sample) - 1), text, "error" if first.kind == "rewritten" else "warning"))
    return marks
