"""Records of a dataset by their loss under a model, the highest first, each leading to Inspect. So many that it stays a matter of minutes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from glm4viz.systems.registry import get_recipe
from glm4viz.ui.dataset.report import Numbers, Report
from glm4viz.ui.dataset.review import begin, steps_through
from glm4viz.ui.i18n import t
from glm4viz.ui.loss.models import Choice, choices, model_names
from glm4viz.ui.loss.run import compute

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel

MOST_TOKENS = 200_000  # a longer file is looked at in records spread evenly over it
ROWS = 25


@dataclass
class Ranking:
    """Rows of the records looked at, by their numbers; they come one after the other, and what has come stays if the rest is cancelled."""

    chosen: Numbers
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def rest(self) -> Numbers:
        return self.chosen[len(self.rows) :]

    def worst(self) -> list[int]:
        """Their numbers, the highest loss first."""
        known = [number for number, row in self.rows.items() if row["loss_mean"] is not None]
        return sorted(known, key=lambda number: -self.rows[number]["loss_mean"])[:ROWS]


def show_losses(report: Report) -> None:
    """The ranking in a fold, computed when it is asked for."""
    fold = st.expander(t("losses"), icon=":material/trending_up:", key="dataset_losses", on_change="rerun")
    if not fold.open:
        return
    with fold:
        st.caption(t("losses.help"))
        choice = _choose_model()
        rankings: dict[tuple[object, ...], Ranking] = st.session_state.setdefault("dataset_rankings", {})
        key = (report.source.stamp, report.recipe, report.max_length, choice)
        asked = st.button(t("losses.run"), icon=":material/play_arrow:", key="dataset_losses_run")
        st.session_state.pop("loss_cancelled", None)
        if asked:
            ranking = rankings.setdefault(key, Ranking(_chosen(report)))
            compute(choice, lambda model, progress: _fill(ranking, report, model, progress), key="dataset_losses")
        if key in rankings:
            _show(rankings[key], report)


def _choose_model() -> Choice:
    known = choices()
    if st.session_state.get("dataset_losses_model") not in known:
        st.session_state.dataset_losses_model = next(iter(known))
    name = st.selectbox(t("loss.model"), list(known), key="dataset_losses_model", format_func=model_names(), persist_state="session")
    return known[name]


def _chosen(report: Report) -> Numbers:
    """Records with a sample, in order; of too many, some, evenly."""
    kept = report["kept"].astype(np.int64)
    good = np.flatnonzero(kept > 0)
    count = len(good)
    if kept[good].sum() > MOST_TOKENS:
        count = max(1, int(MOST_TOKENS / kept[good].mean()))
    return good[np.unique(np.linspace(0, len(good) - 1, count).astype(np.int64))] if count else good


def _fill(ranking: Ranking, report: Report, model: "AnyModel", progress: Callable[[float], None]) -> None:
    """Computes what is still missing. Anything on the page that ends the script ends it at the next progress."""
    from glm4viz.loss.file import record_losses
    from glm4viz.loss.rows import row_of

    rest = ranking.rest
    total, done = max(int(report["kept"][rest].sum()), 1), 0.0

    def told(tokens: float) -> None:
        nonlocal done
        done += tokens
        progress(done / total)

    records = report.read(rest)
    found = record_losses(model, records, get_recipe(report.recipe), report.max_length, progress=told)
    for number, record in zip(rest.tolist(), found, strict=True):
        ranking.rows[number] = row_of(record)


def _show(ranking: Ranking, report: Report) -> None:
    failed = sum(row["error"] is not None for row in ranking.rows.values())
    counts = {"done": f"{len(ranking.rows):,}", "chosen": f"{len(ranking.chosen):,}", "all": f"{len(report):,}"}
    st.caption(t("losses.done", **counts) + (" " + t("losses.failed", count=f"{failed:,}") if failed else ""))
    if len(ranking.rest):
        st.info(t("losses.rest"), icon=":material/pause_circle:")
    worst = ranking.worst()
    if not worst:
        return
    rows, lines = [ranking.rows[number] for number in worst], report["line"][worst].tolist()
    table = pd.DataFrame(
        {
            t("dataset.record"): [number + 1 for number in worst],
            t("dataset.line"): pd.array([line or None for line in lines], "Int64"),
            t("losses.mean"): [row["loss_mean"] for row in rows],
            t("loss.trained"): [row["trained"] for row in rows],
            t("losses.worst"): [f"…{row['worst_before'][-20:]}[{row['worst_token']}]  {row['loss_max']:.1f}" for row in rows],
            t("dataset.begins"): report.beginnings(worst),
        }
    )
    event = st.dataframe(
        table,
        hide_index=True,
        key=f"dataset_losses_{hash((report.source.stamp, report.recipe, report.max_length, tuple(worst)))}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={t("losses.mean"): st.column_config.NumberColumn(format="%.3f", width=90)},
        alt=t("losses.alt", count=len(worst)),
    )
    chosen = event["selection"]["rows"]
    if chosen and chosen[0] < len(worst):
        begin(report, worst[chosen[0]], steps_through(report, np.array(worst), np.zeros(report.findings, bool)))
