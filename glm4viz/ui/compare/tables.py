"""The Compare page's tables: the verdict on each recipe, and whose words its labels teach."""

from collections import Counter
from typing import Any

import pandas as pd
import streamlit as st

from glm4viz.comparison.compared import Comparison
from glm4viz.comparison.sentences import code
from glm4viz.comparison.taught import answer_numbers, is_learned
from glm4viz.conversation import ALL_ROLES
from glm4viz.reading.thoughts import Thought
from glm4viz.reading.verdict import RoleText, Verdict, shares
from glm4viz.ui.i18n import language, plain, t


def show_verdicts(found: Comparison) -> None:
    st.subheader(t("compare.verdict"), anchor=False)
    table = pd.DataFrame([_verdict_row(found, number, id) for number, id in enumerate(found.ids, 1)])
    with st.container(key="compare_verdict"):
        st.table(table, hide_index=True, border="horizontal", alt=t("compare.verdict.alt"))


def _verdict_row(found: Comparison, number: int, id: str) -> dict[str, str]:
    verdict = found.verdicts[id]
    taught = [turn for turn in ends(verdict) if turn.stop_trained]
    names = " ".join(code(name) for name in dict.fromkeys(turn.stop_name for turn in taught))
    answers = t("compare.of", count=sum(map(is_learned, verdict.turns)), total=len(answer_numbers(found)))
    row = {
        t("compare.column.recipe"): f"**{number}** · {plain(id)}",
        t("compare.column.answers"): answers,
        t("compare.column.stop"): names or t("compare.dash"),
        t("compare.column.stops"): t("compare.of", count=len(taught), total=len(ends(verdict))),
        t("compare.column.generation"): _yes(all(turn.generation_stops for turn in taught)) if taught else t("compare.dash"),
    }
    if any(found.parity.values()):
        row[t("compare.column.prompt")] = _prompt(found, id)
    if any(found.thoughts.values()):
        row[t("compare.column.thoughts")] = _thoughts(found.thoughts[id])
    for role in ("observation", "tool", "user", "system"):
        if any(message["role"] == role for message in found.messages):
            row[t(f"compare.column.{role}")] = _how_much(verdict.text.get(role))
    return row


def ends(verdict: Verdict) -> list[Any]:
    """The answers after which a stop is due."""
    return [turn for turn in verdict.turns if turn.state != "empty" and not turn.hands_over]


def _prompt(found: Comparison, id: str) -> str:
    """Where the server's prompt is left first: at which answer and token."""
    left = found.left(id)
    if not left:
        return t("compare.prompt.same") if found.parity[id] else t("compare.dash")
    first = next((one for one in left if one.kind == "rewritten"), left[0])
    return t(f"compare.prompt.{first.kind}", answer=answer_numbers(found)[first.message_index], position=first.position)


def _thoughts(found: list[Thought]) -> str:
    """How many thoughts came to which end, by the clause that says so."""
    counts = Counter(thought.text[language()] for thought in found)
    return "  \n".join(t("compare.thoughts", count=count, clause=clause) for clause, count in counts.items()) or t("compare.dash")


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
    unused = [_loss_on(role) for role in (*ALL_ROLES, "") if not any(row[_loss_on(role)] for row in rows)]
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
    counts = dict.fromkeys(("assistant", *(role for role in ALL_ROLES if role != "assistant"), ""), 0)
    for sample in found.all_samples[id]:
        for share in shares(sample):
            counts[share.role] += share.trained
    return row | {_loss_on(role): count / max(verdict.trained, 1) for role, count in counts.items()}
