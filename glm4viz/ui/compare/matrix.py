"""All recipes on one conversation: which have equal masks, and how far the groups are from each other."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from glm4viz.comparison.compared import Comparison
from glm4viz.comparison.sentences import code
from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError
from glm4viz.figures.palette import PALETTES
from glm4viz.recipe import MaxLength, Recipe
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import DEFAULT, get_recipe, recipes
from glm4viz.ui.compare.page import compare_ids
from glm4viz.ui.compare.tables import ends
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.theme import FIGURE, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

LETTERS = (*ascii_uppercase, *(f"{a}{b}" for a in ascii_uppercase for b in ascii_uppercase))  # one for a group, however many there are

AT_ONCE = 2_000_000  # bytes of contents times recipes, beyond which all are compared only when the reader opens the fold


def show_matrix(conversation: Conversation, chosen: Sequence[Recipe], max_length: MaxLength) -> None:
    """The recipes that take messages as the chosen ones do: those of GLM-4's form, of OpenAI's, or of both."""
    forms = {recipe.form for recipe in chosen} or {get_recipe(DEFAULT).form}
    ids = [id for id, recipe in recipes().items() if recipe.form in forms]
    if conversation.captured is not None:
        ids = [CAPTURED.id, *ids]
    short = len(ids) * sum(len(message["content"] or "") for message in conversation.messages) < AT_ONCE
    fold = st.expander(t("compare.matrix"), expanded=short, icon=":material/grid_on:", key="compare_matrix", on_change="rerun")
    if not fold.open:
        return
    with fold:
        try:
            found = compare_ids(conversation, ids, max_length)
        except Glm4vizError as error:
            st.error(plain(error.sentence(language())), icon=":material/error:")
            return
        _show_groups(found)
        if found.errors:
            st.markdown(f"**{t('compare.matrix.rejects', count=len(found.errors))}**")
            st.markdown("\n".join(f"- **{ids}**: {reason}" for reason, ids in _by_reason(found).items()))


def _by_reason(found: Comparison) -> dict[str, str]:
    """The recipes that take no part, by the sentence that says why."""
    refused: dict[str, list[str]] = {}
    for id, error in found.errors.items():
        refused.setdefault(plain(error.sentence(language())), []).append(plain(id))
    return {reason: ", ".join(ids) for reason, ids in refused.items()}


def _show_groups(found: Comparison) -> None:
    groups = found.equal_masks()
    st.caption(t("compare.matrix.help"))
    table, figure = st.columns([3, 2], gap="large")
    with table:
        rows = [_group_row(found, letter, group) for letter, group in zip(LETTERS, groups, strict=False)]
        st.table(pd.DataFrame(rows), hide_index=True, border="horizontal", alt=t("compare.matrix.groups.alt"))
    with figure:
        st.caption(t("compare.matrix.caption"))
        st.plotly_chart(_matrix(found, groups), key="compare_heatmap", config=FIGURE, alt=t("compare.matrix.alt", count=len(groups)))


def _group_row(found: Comparison, letter: str, group: list[str]) -> dict[str, str]:
    verdicts = [found.verdicts[id] for id in group]
    names = dict.fromkeys(turn.stop_name for verdict in verdicts for turn in ends(verdict) if turn.stop_trained)
    return {
        t("compare.column.group"): f"**{letter}**",
        t("compare.column.members"): ", ".join(map(plain, group)),
        t("compare.column.stop"): " ".join(map(code, names)) or t("compare.dash"),
    }


def _matrix(found: Comparison, groups: list[list[str]]) -> "go.Figure":
    import plotly.graph_objects as go

    palette = PALETTES[theme()]
    at = [found.ids.index(group[0]) for group in groups]
    z = found.agreement()[np.ix_(at, at)]
    letters = list(LETTERS[: len(groups)])
    texts = [["=" if i == j else "≈" if value == 1 else str(int(100 * value)) for j, value in enumerate(line)] for i, line in enumerate(z)]
    names = [[f"{letters[i]} · {groups[i][0]}<br>{letters[j]} · {groups[j][0]}" for j in range(len(groups))] for i in range(len(groups))]
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=letters,
            y=letters,
            text=texts,
            texttemplate="%{text}",
            customdata=names,
            hovertemplate="%{customdata}<br>%{text}<extra></extra>",
            colorscale=[[0, palette.ground], [1, palette.masked("assistant")]],
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=1,
            ygap=1,
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(side="top", showgrid=False)
    return figure.update_layout(
        height=60 + 34 * len(groups),
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        font={"color": palette.ink, "size": 13},
        plot_bgcolor="rgba(0,0,0,0)",
        paper_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
    )
