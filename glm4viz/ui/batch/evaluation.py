"""The evaluation pairs of GLM-4's scripts, and the answer that combine puts into the prompt."""

from itertools import pairwise

import numpy as np
import streamlit as st

from glm4viz.errors import Glm4vizError
from glm4viz.figures.base import escaped
from glm4viz.figures.evaluation import eval_strips
from glm4viz.labelling.evaluation import eval_pairs
from glm4viz.recipe import Mask, Recipe
from glm4viz.rows.leak import answer_in_input
from glm4viz.systems.registry import DEFAULT, load_tokenizer, recipes
from glm4viz.texts import printable
from glm4viz.ui.batch.samples import Cut
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.theme import FIGURE, theme
from glm4viz.ui.widgets.settings import MAX_INPUT, MAX_OUTPUT
from glm4viz.ui.widgets.source import first_words

COMBINE = "glm4-combine@dfe4601"
SHOWN = 3  # pairs whose texts are written out
MOST_TEXT = 4_000


def show_eval_pairs(cut: Cut) -> None:
    """One sample's pairs by the chosen recipe (or the default) and by combine."""
    st.markdown(t("batch.eval.about"))
    conversations, state = cut.whole.conversations, st.session_state
    if state.get("eval_sample", -1) not in range(len(conversations)):
        turns = [sum(message["role"] == "assistant" for message in c.messages) for c in conversations]
        state.eval_sample = next((i for i, count in enumerate(turns) if count > 1), 0)
    state.setdefault("eval_input", MAX_INPUT)
    state.setdefault("eval_output", MAX_OUTPUT)
    names = [f"#{c.index + 1} · {first_words(c)[:40]}" for c in conversations]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        number = st.selectbox(t("batch.sample"), range(len(names)), key="eval_sample", format_func=names.__getitem__, width=360)
        limits = [
            int(st.number_input(label, 1, 1_000_000, key=key, persist_state="session", width=180) or 1)
            for label, key in (("max_input_length", "eval_input"), ("max_output_length", "eval_output"))
        ]
    own = cut.whole.recipe
    first = own if own.evaluate and own.id != COMBINE else recipes()[DEFAULT]
    for column, recipe in zip(st.columns(2, gap="large"), (first, recipes()[COMBINE]), strict=True):
        with column:
            _pairs(conversations[number or 0].messages, recipe, limits)


def _pairs(messages: list[dict[str, object]], recipe: Recipe, limits: list[int]) -> None:
    st.markdown(f"#### `{recipe.id}`")
    try:
        pairs = eval_pairs(messages, recipe, None, *limits)
    except Glm4vizError as error:
        st.error(plain(error.sentence(language())), icon=":material/block:")
        return
    if not pairs:
        st.info(t("batch.eval.none"), icon=":material/info:")
        return
    leaks = [answer_in_input(inputs, outputs) for inputs, outputs in pairs]
    leaked, wanted = sum(int(leak.sum()) for leak in leaks), sum(len(outputs) for _, outputs in pairs)
    if leaked:
        st.error(t("batch.eval.leaks", leaked=leaked, wanted=wanted), icon=":material/warning:")
    elif recipe.id == COMBINE:
        st.warning(t("batch.eval.combine_cut"), icon=":material/content_cut:")
    else:
        st.success(t("batch.eval.clean", count=len(pairs)), icon=":material/check_circle:")
    texts = [[_text([token]) for token in (*inputs, *outputs)] for inputs, outputs in pairs]
    figure = eval_strips(pairs, leaks, texts, t, theme=theme())
    alt = t("batch.eval.alt", recipe=recipe.id, count=len(pairs), leaked=leaked)
    st.plotly_chart(figure, key=f"eval_{recipe.id}", config=FIGURE, alt=alt)
    for row, ((inputs, outputs), leak) in enumerate(list(zip(pairs, leaks, strict=True))[:SHOWN]):
        with st.container(border=True):
            st.caption(t("batch.eval.pair", number=row + 1, inputs=len(inputs), outputs=len(outputs)))
            for kind, ids in _runs(inputs, leak):
                _written(kind, ids)
            _written("output", outputs)
    if pairs[SHOWN:]:
        st.caption(t("batch.eval.more", count=len(pairs) - SHOWN))


def _runs(inputs: list[int], leak: Mask) -> list[tuple[str, list[int]]]:
    """The input in stretches, each leaked or not."""
    edges = [0, *(np.flatnonzero(np.diff(leak)) + 1).tolist(), len(inputs)]
    return [("leak" if leak[a] else "input", inputs[a:b]) for a, b in pairwise(edges)]


def _written(kind: str, ids: list[int]) -> None:
    icons = {"input": ":gray[:material/input:]", "leak": ":red[:material/warning:]", "output": ":orange[:material/flag:]"}
    st.markdown(f"{icons[kind]} **{t(f'batch.eval.{kind}')}** · {len(ids)}")
    joined = b"".join(load_tokenizer().token_bytes(i) for i in ids).decode("utf-8", "backslashreplace")
    st.code(joined if len(joined) <= MOST_TEXT else joined[:MOST_TEXT] + " …", language=None, wrap_lines=True)


def _text(ids: list[int]) -> str:
    return escaped(printable(b"".join(load_tokenizer().token_bytes(i) for i in ids).decode("utf-8", "backslashreplace")))
