"""The Compare page's parts: which recipes, what tells them apart in words and tables, and how all recipes group."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from glm4viz.comparison.compared import Comparison, compare
from glm4viz.comparison.sentences import code
from glm4viz.comparison.taught import answer_numbers, is_learned
from glm4viz.conversation import ROLES, Conversation
from glm4viz.errors import Glm4vizError, ReadError
from glm4viz.figures.palette import PALETTES
from glm4viz.forms import as_record
from glm4viz.linter.repair import openai_tools
from glm4viz.readers import read_conversations
from glm4viz.reading.verdict import RoleText, Verdict, shares
from glm4viz.recipe import MaxLength, Recipe
from glm4viz.systems.registry import DEFAULT, recipes
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.theme import FIGURE, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST = 6
FIRST = (DEFAULT, "llamafactory", "glm4-combine@dfe4601")
AT_ONCE = 200_000  # bytes of contents, beyond which all recipes are compared only when the reader opens the fold
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def choose_recipes() -> list[Recipe]:
    """Two to six recipes, the first of which the others are held against."""
    known = recipes()
    names = {id: f"{id} · {recipe.system}" if recipe.system.lower() != id else id for id, recipe in known.items()}
    st.session_state.setdefault("compare_recipes", list(FIRST))
    chosen = st.multiselect(
        t("compare.recipes"),
        list(known),
        key="compare_recipes",
        format_func=names.__getitem__,
        max_selections=MOST,
        wrap=True,
        persist_state="session",
    )
    if len(chosen) < 2:
        st.info(t("compare.too_few"), icon=":material/add:")
    return [known[id] for id in chosen]


def compare_recipes(conversation: Conversation, chosen: Sequence[Recipe], max_length: MaxLength) -> Comparison | None:
    """The comparison; None, with the reason on the page, if no recipe takes the conversation."""
    try:
        found = _compare(_as_text(as_record(conversation)), tuple(recipe.id for recipe in chosen), max_length)
    except Glm4vizError as error:
        st.error(plain(error.sentence(language())), icon=":material/error:")
        return None
    for id, reason in found.errors.items():
        st.error(f"**{plain(id)}** {t('compare.rejects')} {plain(reason.sentence(language()))}", icon=":material/block:")
    if found.ids:
        return found
    mended = openai_tools(conversation.messages)
    if mended != conversation.messages:
        again = _compare(_as_text({"messages": mended}), tuple(recipe.id for recipe in chosen), max_length)
        if again.ids:
            st.info(t("rejected.tools"), icon=":material/build:")
            return again
    st.warning(t("compare.none"), icon=":material/block:")
    return None


def _as_text(record: dict[str, Any]) -> str:
    return json.dumps(record)


@st.cache_resource(max_entries=6, scope="session", show_spinner=True)
def _compare(record: str, ids: tuple[str, ...], max_length: MaxLength) -> Comparison:
    """Kept for the reader's session: a page is run again at every click."""
    (read,) = read_conversations(record.encode())
    if isinstance(read, ReadError):
        raise read
    found = compare(read, ids, max_length=max_length)
    found.equal_masks()  # what is looked at is worked out once
    return found


# In words -------------------------------------------------------------------------------------------------------------


def show_sentences(found: Comparison) -> None:
    st.subheader(t("compare.differences"), anchor=False)
    st.markdown("\n".join(f"- {sentence}" for sentence in found.sentences(language())))


# In tables ------------------------------------------------------------------------------------------------------------


def show_verdicts(found: Comparison) -> None:
    st.subheader(t("compare.verdict"), anchor=False)
    table = pd.DataFrame([_verdict_row(found, number, id) for number, id in enumerate(found.ids, 1)])
    with st.container(key="compare_verdict"):
        st.table(table, hide_index=True, border="horizontal", alt=t("compare.verdict.alt"))


def _verdict_row(found: Comparison, number: int, id: str) -> dict[str, str]:
    verdict = found.verdicts[id]
    taught = [turn for turn in _ends(verdict) if turn.stop_trained]
    names = " ".join(code(name) for name in dict.fromkeys(turn.stop_name for turn in taught))
    answers = t("compare.of", count=sum(map(is_learned, verdict.turns)), total=len(answer_numbers(found)))
    row = {
        t("compare.column.recipe"): f"**{number}** · {plain(id)}",
        t("compare.column.answers"): answers,
        t("compare.column.stop"): names or t("compare.dash"),
        t("compare.column.stops"): t("compare.of", count=len(taught), total=len(_ends(verdict))),
        t("compare.column.generation"): _yes(all(turn.generation_stops for turn in taught)) if taught else t("compare.dash"),
    }
    for role in ("observation", "user", "system"):
        if any(message["role"] == role for message in found.messages):
            row[t(f"compare.column.{role}")] = _how_much(verdict.text.get(role))
    return row


def _ends(verdict: Verdict) -> list[Any]:
    """The answers after which a stop is due."""
    return [turn for turn in verdict.turns if turn.state != "empty" and not turn.hands_over]


def _yes(value: bool) -> str:
    return t("compare.yes") if value else t("compare.no")


def _how_much(text: RoleText | None) -> str:
    if text is None:
        return t("compare.dash")
    if 0 < text.trained < text.tokens:
        return t("compare.partly", percent=round(100 * text.trained / text.tokens))
    return _yes(text.trained > 0)


def show_shares(found: Comparison) -> None:
    st.subheader(t("compare.share"), help=t("compare.share.help"), anchor=False)
    rows = [_share_row(found, number, id) for number, id in enumerate(found.ids, 1)]
    percent = st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, color="orange", width="small")
    columns: dict[str, Any] = {t("compare.column.recipe"): st.column_config.TextColumn(width="medium")}
    columns |= {name: percent for name, value in rows[0].items() if isinstance(value, float)}
    unused = [_loss_on(role) for role in (*ROLES, "") if not any(row[_loss_on(role)] for row in rows)]
    table = pd.DataFrame(rows).drop(columns=unused)
    st.dataframe(table, hide_index=True, column_config=columns, key="compare_share", alt=t("compare.share.alt"))


def _loss_on(role: str) -> str:
    return t("compare.share.role", role=t(f"role.{role}"))


def _share_row(found: Comparison, number: int, id: str) -> dict[str, Any]:
    verdict = found.verdicts[id]
    row: dict[str, Any] = {
        t("compare.column.recipe"): f"{number} · {id}",
        t("compare.share.tokens"): verdict.tokens,
        t("compare.share.trained"): verdict.trained,
        t("compare.share.of_all"): verdict.trained / max(verdict.tokens, 1),
    }
    counts = dict.fromkeys(("assistant", *(role for role in ROLES if role != "assistant"), ""), 0)
    for sample in found.all_samples[id]:
        for share in shares(sample):
            counts[share.role] += share.trained
    return row | {_loss_on(role): count / max(verdict.trained, 1) for role, count in counts.items()}


# All recipes ----------------------------------------------------------------------------------------------------------


def show_matrix(conversation: Conversation, max_length: MaxLength) -> None:
    """Which recipes have equal masks on this conversation, and how far the groups are from each other."""
    short = sum(len(message["content"] or "") for message in conversation.messages) < AT_ONCE
    fold = st.expander(t("compare.matrix"), expanded=short, icon=":material/grid_on:", key="compare_matrix", on_change="rerun")
    if not fold.open:
        return
    with fold:
        found = _compare(_as_text(as_record(conversation)), tuple(recipes()), max_length)
        groups = found.equal_masks()
        st.caption(t("compare.matrix.help"))
        table, figure = st.columns([3, 2], gap="large")
        with table:
            rows = [_group_row(found, letter, group) for letter, group in zip(LETTERS, groups, strict=False)]
            st.table(pd.DataFrame(rows), hide_index=True, border="horizontal", alt=t("compare.matrix.groups.alt"))
        with figure:
            st.caption(t("compare.matrix.caption"))
            st.plotly_chart(_matrix(found, groups), key="compare_heatmap", config=FIGURE, alt=t("compare.matrix.alt", count=len(groups)))
        if found.errors:
            st.markdown(f"**{t('compare.matrix.rejects', count=len(found.errors))}**")
            lines = [f"- **{plain(id)}**: {plain(error.sentence(language()))}" for id, error in found.errors.items()]
            st.markdown("\n".join(lines))


def _group_row(found: Comparison, letter: str, group: list[str]) -> dict[str, str]:
    verdicts = [found.verdicts[id] for id in group]
    names = dict.fromkeys(turn.stop_name for verdict in verdicts for turn in _ends(verdict) if turn.stop_trained)
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
    texts = [
        ["=" if i == j else t("compare.matrix.stop") if value == 1 else str(int(100 * value)) for j, value in enumerate(line)]
        for i, line in enumerate(z)
    ]
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
