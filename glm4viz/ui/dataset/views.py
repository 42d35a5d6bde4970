"""What the Dataset page says of a whole file: the headline, the findings by rule, the figures, the mended file."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from glm4viz.check.page import about_line, rules_held, whole_line, word
from glm4viz.figures.dataset import length_histogram, share_histogram
from glm4viz.figures.sample import loss_share
from glm4viz.linter import SEVERITIES
from glm4viz.recipe import Mask
from glm4viz.ui.dataset.marks import can_undo, count_droppable, drop_rule, undo
from glm4viz.ui.dataset.report import ALL_RULES, Found, Report
from glm4viz.ui.dataset.run import mend
from glm4viz.ui.dataset.work import CHANGES, LISTED, MENDED
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.theme import FIGURE, theme
from glm4viz.ui.widgets.source import FORM
from glm4viz.ui.widgets.training_config import config_contradicts

ERROR, WARNING = SEVERITIES.index("error"), SEVERITIES.index("warning")


def show_headline(report: Report) -> bool:
    """The numbers of the whole, then a sentence. False if no record of the file could be read."""
    readable = report.readable
    if not readable.any():
        st.error(plain(report.sentences([0], language())[0]), icon=":material/error:")
        st.markdown(t("read.none"))
        st.code(FORM, language="json", wrap_lines=True)
        return False
    errors, warnings, _ = report.counts
    kept, trained = (int(report[name][report[name] > 0].sum()) for name in ("kept", "trained"))
    total, with_errors = len(report), int((errors > 0).sum())
    numbers = {
        "records": (f"{total:,}", None),
        "readable": (f"{int(readable.sum()):,}", t("dataset.readable.help")),
        "errors": (f"{with_errors:,}", t("dataset.errors.help")),
        "warnings": (f"{int(((errors == 0) & (warnings > 0)).sum()):,}", t("dataset.warnings.help")),
        "trained": (f"{trained / max(kept, 1):.1%}", t("dataset.trained.help", trained=f"{trained:,}", kept=f"{kept:,}")),
        "tokens": (_short(kept), t("dataset.tokens.help", kept=f"{kept:,}", full=f"{int(report['full'][readable].sum()):,}")),
    }
    with st.container(horizontal=True, key="dataset_numbers"):
        for name, (value, help) in numbers.items():
            st.metric(t(f"dataset.{name}"), value, border=True, help=help, width=NUMBER_WIDTH)
    _headline(report)
    return True


def _headline(report: Report) -> None:
    """What was checked with what, then facts of the whole file, then one sentence; green only where nothing at all was found."""
    here, total = language(), f"{len(report):,}"
    (errors, warnings, hints), refused = report.counts > 0, int(report.refused.sum())
    unread = len(report) - int(report.readable.sum())
    st.caption(plain(about_line([report.source.name], report.recipe, report.max_length, here)))
    if unread or refused:
        st.error(word("not_all", here, unread=unread, refused=refused), icon=":material/error:")
    if report.left_out:
        names = ", ".join(ALL_RULES[rule].id for rule in report.ignored)
        st.warning(plain(word("ignored", here, count=report.left_out, rules=names)), icon=":material/visibility_off:")
    for found in report.rules():
        if found.whole:
            said = plain(whole_line(ALL_RULES[found.rule].id, found.records, len(report), here))
            {"error": st.error, "warning": st.warning, "info": st.info}[found.severity](said, icon=":material/table_rows:")
    about = {"records": total, "recipe": plain(report.recipe), "limit": report.max_length, "rules": rules_held(report.recipe)}
    if errors.any():
        st.error(t("dataset.verdict.errors", count=f"{int(errors.sum()):,}", total=total), icon=":material/error:")
    elif warnings.any():
        st.warning(t("dataset.verdict.warnings", count=f"{int(warnings.sum()):,}", total=total), icon=":material/warning:")
    elif config_contradicts(report.recipe):
        st.warning(t("dataset.verdict.config"), icon=":material/warning:")
    elif hints.any():
        st.info(t("dataset.verdict.hints", **about, hints=f"{int(hints.sum()):,}"), icon=":material/info:")
    elif report.left_out:
        st.info(word("only_ignored", here), icon=":material/visibility_off:")
    elif not (unread or refused):
        st.success(t("dataset.verdict.good", **about), icon=":material/check_circle:")


NUMBER_WIDTH = 168


def _short(number: int) -> str:
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (100_000, "k")):
        if number >= size:
            return f"{number / (1_000 if letter == 'k' else size):.1f}{letter}"
    return f"{number:,}"


# Findings -------------------------------------------------------------------------------------------------------------


def show_findings(report: Report) -> int | None:
    """Every rule that found something; returns the one that is selected."""
    st.subheader(t("dataset.findings"), anchor=False)
    if not report.findings:
        st.markdown(word("only_ignored", language()) if report.left_out else t("dataset.findings.none"))
        return None
    found, trained = report.rules(), int(np.maximum(report["trained"], 0).sum())
    table = pd.DataFrame(
        {
            t("dataset.severity"): [word(rule.severity, language()) for rule in found],
            t("dataset.rule"): [ALL_RULES[rule.rule].title[language()] for rule in found],
            t("dataset.records"): [rule.records for rule in found],
            t("dataset.hurt"): [rule.hurt / max(trained, 1) for rule in found],
            t("dataset.count"): [rule.findings for rule in found],
        }
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        _restore_selection(report, [rule.rule for rule in found])
        event = st.dataframe(
            table,
            hide_index=True,
            key="dataset_findings",
            on_select="rerun",
            selection_mode="single-row",
            height=min(38 + 35 * len(found), 388),
            column_config={
                t("dataset.severity"): st.column_config.TextColumn(width=80),
                t("dataset.rule"): st.column_config.TextColumn(width=180),
                t("dataset.hurt"): st.column_config.ProgressColumn(
                    format="percent", min_value=0, max_value=1, width=105, help=t("dataset.hurt.help")
                ),
                t("dataset.records"): st.column_config.NumberColumn(width=65, format="localized"),
                t("dataset.count"): st.column_config.NumberColumn(width=70, format="localized"),
            },
            alt=t("dataset.findings.alt", rules=len(found), count=f"{report.findings:,}"),
        )
        rows = event["selection"]["rows"]
        st.caption(t("dataset.findings.chosen" if rows else "dataset.findings.choose"))
    chosen = st.session_state.dataset_rule = found[rows[0]].rule if rows else None
    with right:
        _explain(report, found[rows[0] if rows else 0])
    return chosen


def _restore_selection(report: Report, codes: list[int]) -> None:
    """The selected rule stays when another page was looked at, and goes with the report it belongs to."""
    state, now = st.session_state, (report.source.stamp, report.recipe, report.max_length, report.ignored)
    if state.get("dataset_shown") != now:
        state.dataset_shown, state.dataset_rule = now, None
        state.pop("dataset_findings", None)
    if "dataset_findings" not in state:
        rule = state.get("dataset_rule")
        state.dataset_findings = {"selection": {"rows": [codes.index(rule)] if rule in codes else []}}


def _explain(report: Report, found: Found) -> None:
    """What goes wrong, how to mend it, where it was seen."""
    here, rule = language(), ALL_RULES[found.rule]
    with st.container(border=True):
        st.markdown(f"**{plain(rule.title[here])}** · {word(found.severity, here)} · `{rule.id}`")
        st.markdown(f"**{t('dataset.harm')}**  \n{plain(rule.harm[here])}")
        st.markdown(f"**{t('dataset.mend')}**  \n{plain(rule.mend[here])}")
        if rule.evidence:
            st.caption(t("dataset.evidence", issues=plain(("、" if here == "zh" else ", ").join(rule.evidence))))
        count = count_droppable(report, found.rule)
        with st.container(horizontal=True):
            st.button(
                t("review.drop_rule", count=f"{count:,}"),
                icon=":material/delete:",
                key="review_drop_rule",
                help=t("review.drop_rule.help"),
                on_click=drop_rule,
                args=(report, found.rule),
                disabled=not count,
            )
            if can_undo(report):
                st.button(t("review.undo"), icon=":material/undo:", key="review_undo", on_click=undo)


def findings_csv(report: Report, kept: Mask) -> Callable[[], bytes]:
    """All findings that are kept, one a line; made when it is asked for."""
    here = language()

    def make() -> bytes:
        which = np.flatnonzero(kept)
        own = report.sentences(which.tolist(), here)
        rules = [ALL_RULES[code] for code in report["rule"][which].tolist()]
        gap = " " if here == "en" else ""
        record = report["record"][which]
        columns: dict[str, Any] = {
            "record": record + 1,
            "line": report["line"][record],
            "severity": [SEVERITIES[code] for code in report["severity"][which].tolist()],
            "rule": [rule.id for rule in rules],
            "message": report["message"][which],
            "token_start": report["start"][which],
            "token_stop": report["stop"][which],
            "tokens": report["full"][record],
            "trained": report["trained"][record],
            "text": [f"{rule.explanation(here)}{gap}{text}".strip() for rule, text in zip(rules, own, strict=True)],
        }
        table = pd.DataFrame(columns)
        unknown = ["line", "message", "token_start", "token_stop", "tokens", "trained"]
        table[unknown] = table[unknown].astype("Int64").mask(table[unknown] < [1, 0, 0, 0, 0, 0])
        return table.to_csv(index=False).encode("utf-8-sig", "replace")

    return make


# Figures --------------------------------------------------------------------------------------------------------------


def show_figures(report: Report) -> None:
    """Lengths, trained shares, roles."""
    st.subheader(t("dataset.figures"), anchor=False)
    if refused := int(report.refused.sum()):
        st.caption(t("dataset.refused", count=f"{refused:,}"))
    # A record that the recipe refuses has no sample; one that it refuses for its length alone has a length.
    known, sampled = report["full"] > 0, report["kept"] > 0
    full, kept = (report[name][known] for name in ("full", "kept"))
    limit = report.max_length if isinstance(report.max_length, int) else None
    lengths, parts, roles = st.columns(3, gap="large")
    with lengths:
        st.markdown(f"**{t('dataset.length')}**")
        cut = kept < full
        alt = t("dataset.length.alt", median=f"{_median(full):,.0f}", longest=f"{full.max(initial=0):,}", cut=f"{int(cut.sum()):,}")
        figure = length_histogram(full, cut, limit, t, theme=theme())
        st.plotly_chart(figure, key="dataset_lengths", config=FIGURE, alt=alt)
        st.caption(alt)
    with parts:
        st.markdown(f"**{t('dataset.share')}**")
        if sampled.any():
            shares = report["trained"][sampled] / report["kept"][sampled]
            alt = t("dataset.share.alt", median=f"{_median(shares):.0%}", none=f"{int((shares == 0).sum()):,}")
            st.plotly_chart(share_histogram(shares, t, theme=theme()), key="dataset_shares", config=FIGURE, alt=alt)
            st.caption(alt)
    with roles:
        st.markdown(f"**{t('dataset.roles')}**")
        found, looked_at = report.shares
        if looked_at:
            figure = loss_share(found, t, by="role", theme=theme())
            figure.update_xaxes(range=[0, 1.6])  # room for the numbers in a narrow column
            st.plotly_chart(figure, key="dataset_roles", config=FIGURE, alt=t("share.alt", by=t("share.by_role")))
            if looked_at < int(sampled.sum()):
                st.caption(t("dataset.roles.sample", count=f"{looked_at:,}"))


def _median(numbers: npt.NDArray[Any]) -> float:
    return float(np.median(numbers)) if len(numbers) else 0.0


# The mended file ------------------------------------------------------------------------------------------------------


def show_mended(report: Report) -> None:
    """What can be mended without a guess, and the file with it mended."""
    fold = st.expander(t("dataset.mended"), icon=":material/build:", key="dataset_mended", on_change="rerun")
    if not fold.open:
        return
    with fold:
        folder = report.folder.path
        if not (folder / CHANGES).exists() and not mend(report):
            return
        made: dict[str, Any] = json.loads((folder / CHANGES).read_text("utf-8"))
        zh = language() == "zh"
        st.markdown(t("dataset.mended.about"))
        if made["counts"]:
            rows = [(field, chinese if zh else english, count) for field, english, chinese, count in made["counts"]]
            names = [t("dataset.mended.field"), t("dataset.mended.change"), t("dataset.mended.times")]
            st.dataframe(pd.DataFrame(rows, columns=names), hide_index=True, alt=t("dataset.mended.alt"), key="dataset_changes")
            listed = [(nth + 1, line or None, field, chinese if zh else english) for nth, line, field, english, chinese in made["listed"]]
            names = [t("dataset.record"), t("dataset.line"), t("dataset.mended.field"), t("dataset.mended.change")]
            total = sum(count for *_, count in made["counts"])
            st.markdown(
                t("dataset.mended.listed", shown=f"{len(listed):,}", total=f"{total:,}") if total > LISTED else t("dataset.mended.all")
            )
            st.dataframe(
                pd.DataFrame(listed, columns=names),
                hide_index=True,
                height=min(38 + 35 * len(listed), 260),
                alt=t("dataset.mended.alt"),
                key="dataset_changed",
                placeholder="–",
            )
        else:
            st.info(t("dataset.mended.none"), icon=":material/check_circle:")
        if made["skipped"]:
            st.warning(t("dataset.mended.skipped", count=f"{made['skipped']:,}"), icon=":material/report:")
        st.download_button(
            t("dataset.mended.download", count=f"{made['written']:,}"),
            (folder / MENDED).read_bytes,
            f"{report.source.name.split('.')[0]}.mended.jsonl",
            "application/jsonl",
            key="dataset_mended_download",
            on_click="ignore",
            icon=":material/download:",
        )
