"""The verdict in words: how much is trained, and for every answer whether the model learns to stop."""

from operator import itemgetter

import streamlit as st

from glm4viz.reading.verdict import Turn, Verdict
from glm4viz.recipe import LabelledSample
from glm4viz.ui.focus import go_to
from glm4viz.ui.i18n import t

SHOWN_TURNS, MOST_TURNS = 6, 200
GOOD, BAD, EMPTY = ":green[:material/check_circle:]", ":orange[:material/warning:]", ":gray[:material/remove:]"


def show_verdict(sample: LabelledSample, found: Verdict) -> None:
    """Numbers first, then a sentence for each answer."""
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
        _headline(found, all(map(_is_good, answers)))
        # What is wrong must be in sight, however long the conversation is.
        turns = sorted(enumerate(found.turns, 1), key=lambda turn: _is_good(turn[1]))
        with st.container(gap=None):
            for number, turn in sorted(turns[:SHOWN_TURNS], key=itemgetter(0)):
                _line(sample, number, turn)
        if turns[SHOWN_TURNS:]:
            fold = st.expander(t("turns.more", count=len(turns) - SHOWN_TURNS), key="turns_more", on_change="rerun")
            if fold.open:
                with fold, st.container(gap=None):
                    for number, turn in sorted(turns[SHOWN_TURNS:MOST_TURNS], key=itemgetter(0)):
                        _line(sample, number, turn)


def _headline(found: Verdict, good: bool) -> None:
    if not found.turns:
        st.warning(t("verdict.no_answers"), icon=":material/warning:")
    elif not found.trained:
        st.error(t("verdict.nothing"), icon=":material/error:")
    elif good:
        st.success(t("verdict.good"), icon=":material/check_circle:")


def _is_good(turn: Turn) -> bool:
    return turn.state == "whole" and turn.trained > 0 and turn.stop_trained and (turn.generation_stops or turn.hands_over)


def _line(sample: LabelledSample, number: int, turn: Turn) -> None:
    """A sentence on one answer; a click shows its last token, or what there is of it."""
    icon = GOOD if _is_good(turn) else EMPTY if turn.state == "empty" else BAD
    ending = t(f"turn.{_ending(turn, cut=sample.full_length > len(sample))}", stop=f"`{turn.stop_name}`")
    text = f"{icon} " + t("verdict.turn", turn=number, message=turn.message, trained=turn.trained, ending=ending)
    place = next((at for at in (turn.stop, turn.first) if at is not None), len(sample) - 1)
    st.button(text, key=f"turn_{number}", type="tertiary", on_click=go_to, args=(place,), wrap=True, help=t("turn.go"))


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


def problems(sample: LabelledSample, found: Verdict) -> list[dict[str, object]]:
    """The same faults as marks at tokens, for the token view."""
    marks = []
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
