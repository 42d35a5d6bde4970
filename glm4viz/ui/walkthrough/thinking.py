"""The second act, at the end of the Walkthrough: a thought comes, vanishes, and is trained or not. It reads the steps and makes no mask."""

import numpy as np
import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.walkthrough import draw
from glm4viz.ui.walkthrough.chips import Item, chip, shown_json, window
from glm4viz.ui.walkthrough.lists import framed, look, trained_legend
from glm4viz.walkthrough.thinking import Act, Row, Step, second_act

SHOWN = 100  # tokens of a row


def show_second_act(conversation: Conversation | None) -> None:
    """A switch, and behind it the four steps, one below the other."""
    state = st.session_state
    state.walk_thinking = state.get("act") == "2"
    with st.container(border=state.walk_thinking, key="walk_act"):
        st.toggle(t("walk.think.open"), key="walk_thinking", on_change=_take_act)
        if state.walk_thinking:
            _show(second_act(conversation, language()))


def _take_act() -> None:
    st.session_state.act = "2" if st.session_state.walk_thinking else None


def _show(act: Act) -> None:
    if not act.own:
        st.caption(t("walk.think.short"))
    fresh, served, trained, compared = act.steps
    for column, step in zip(st.columns(2, gap="medium"), (fresh, served), strict=True):
        with column:
            _say(step, act)
            _draw(step, act)
            if step is fresh:
                st.code(shown_json(act.messages[act.answer]), language="json", wrap_lines=True)
    _say(trained, act)
    _draw(trained, act)
    st.markdown(f"##### {t('walk.think.name.parity')}")
    for column, row in zip(st.columns(2, gap="medium"), compared.rows, strict=True):
        with column:
            _show_parity(row)
    st.info(t("walk.think.moral"), icon=":material/school:")


def _say(step: Step, act: Act) -> None:
    st.markdown(f"##### {t(f'walk.think.name.{step.kind}')}")
    st.markdown(t(f"walk.think.text.{step.kind}", answer=act.answer, count=act.vanished))


def _show_parity(row: Row) -> None:
    assert row.sample
    answers, left = len(row.parity), row.leaves
    said = t("walk.think.same", answers=answers)
    if left:
        same = sum(answer.same for answer in row.parity)
        said = t("walk.think.leaves", same=same, answers=answers, message=left.message_index, said=plain(left.said[language()]))
    if row.skips:
        said += " " + t("walk.think.price")
    (st.warning if left or row.skips else st.success)(f"**{row.sample.recipe.id}** · {said}")


# Boards ---------------------------------------------------------------------------------------------------------------


def _draw(step: Step, act: Act) -> None:
    groups = [_group(step, k, row, act) for k, row in enumerate(step.rows)]
    key = f"think-{step.kind}-{hash(act.steps[1].rows[0].ids.tobytes())}"
    draw(framed(key, groups, [], trained_legend() if step.kind == "trained" else []), key=f"walk_think_{step.kind}")


def _group(step: Step, number: int, row: Row, act: Act) -> Item:
    """A row of tokens: the thought framed, trained or masked where it is trained at all, and where it first differs from the server's."""
    sample = row.sample
    framed_here = row.inside if sample is None else row.inside & (sample.message_index == act.answer)
    differs = row.leaves.position if row.leaves else -1
    shown = window(len(row.ids), [*np.flatnonzero(np.diff(framed_here)).tolist(), max(differs, 0), len(row.ids) - 1], SHOWN)
    items: list[Item] = []
    at = 0
    for i in [*shown, len(row.ids)]:
        if i > at:
            items.append({"more": t("walk.more", count=f"{i - at:,}")})
        if i < len(row.ids):
            shade = "" if sample is None else look(bool(sample.trained[i]))
            state = "boundary" if framed_here[i] else ""
            item = {"i": number * len(row.ids) + i, **chip(act.tokenizer, int(row.ids[i])), "cells": [], "look": shade, "state": state}
            items += [{"more": t("walk.think.differs")}, item] if i == differs else [item]
        at = i + 1
    if sample is None:
        name = t(f"walk.think.row.{step.kind}", answer=act.answer, later=act.later)
        return {"name": name, "role": "none", "note": "", "state": "", "items": items}
    note = row.thought.text[language()] if row.thought else ""
    return {"name": sample.recipe.id, "role": "assistant", "note": note, "state": "", "items": items}
