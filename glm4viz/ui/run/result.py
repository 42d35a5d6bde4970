"""What a capture says: its numbers, the findings in words, every sequence in a table, and one of them token by token."""

from collections import Counter

import pandas as pd
import streamlit as st

from glm4viz.check.page import word
from glm4viz.reading.verdict import Verdict, shares
from glm4viz.report.words import title_of
from glm4viz.run.sample import CapturedSample
from glm4viz.ui.current import prefer_fed
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.inspect.verdict import find, problems
from glm4viz.ui.run.capture import MOST, Capture, ends
from glm4viz.ui.run.source import EXAMPLE
from glm4viz.ui.web.token_view import token_view
from glm4viz.ui.widgets.as_view import as_view
from glm4viz.ui.widgets.source import first_words

ICONS = {"error": ":red[:material/error:]", "warning": ":orange[:material/warning:]", "info": ":gray[:material/info:]"}
PAGES = {"inspect": "frame_inspect", "compare": "compare_arrows", "batch": "view_comfy", "loss": "monitoring"}
SHOWN_ROWS = 8  # named in a sentence


def show_head(capture: Capture) -> None:
    """One line on where it comes from, and the numbers."""
    samples = capture.samples
    name = f"`{capture.name}`" if capture.name else t("run.head.example")
    rows = len({sample.row for sample in samples})
    st.markdown(t("run.head", name=name, tokenizer=f"`{samples[0].tokenizer.name}`"))
    tokens, trained = sum(map(len, samples)), sum(int(sample.trained.sum()) for sample in samples)
    due = [turn for found in capture.verdicts for turn in ends(found)]
    padding = sum(sum(sample.padding) for sample in samples)
    with st.container(key="run_head"):
        columns = st.columns(4)
        columns[0].metric(t("run.sequences"), t("run.sequences.value", count=len(samples), rows=rows), border=True, height="stretch")
        columns[1].metric(t("verdict.trained"), t("verdict.trained.value", trained=trained, tokens=tokens), border=True, height="stretch")
        columns[2].metric(
            t("verdict.stops"), t("verdict.of", count=sum(turn.stop_trained for turn in due), total=len(due)), border=True, height="stretch"
        )
        columns[3].metric(
            t("run.padding"), t("run.padding.value", count=padding), border=True, height="stretch", help=t("run.padding.help")
        )
    if capture.total > len(samples):
        st.info(t("run.most", most=MOST, total=capture.total), icon=":material/info:")


def show_findings(capture: Capture) -> None:
    """What is wrong, the worst first, each rule once."""
    here = language()
    with st.container(key="run_findings"):
        if not capture.findings:
            st.success(t("run.good"), icon=":material/check_circle:")
            return
        st.subheader(t("run.findings"), anchor=False)
        for finding in capture.findings:
            numbers = ", ".join(str(number + 1) for number in finding.sequences[:SHOWN_ROWS]) + (
                " …" if finding.sequences[SHOWN_ROWS:] else ""
            )
            title = f"**{plain(title_of(finding.rule)[here])}** · {t('run.where', numbers=numbers)}"
            st.markdown(f"{ICONS[finding.severity]} {title}  \n{plain(finding.sentence(here))}")


def show_sequences(capture: Capture) -> None:
    """A line for each sequence; the selected one is shown below."""
    st.subheader(t("run.rows"), anchor=False)
    table = pd.DataFrame([_line(capture, number) for number in range(len(capture.samples))])
    shown = _shown(capture)
    state = st.session_state
    if "run_rows" not in state:  # another page was looked at
        _mark(shown)
    event = st.dataframe(
        table,
        hide_index=True,
        key="run_rows",
        on_select="rerun",
        selection_mode="single-row",
        height=min(38 + 35 * len(table), 388),
        column_config={
            t("run.column.number"): st.column_config.NumberColumn(width=50),
            t("run.column.row"): st.column_config.TextColumn(width=60),
            t("run.column.tokens"): st.column_config.NumberColumn(width=80, format="localized"),
            t("run.column.trained"): st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width=90),
            t("run.column.roles"): st.column_config.TextColumn(width=250),
            t("run.column.stops"): st.column_config.TextColumn(width=190),
            t("run.column.found"): st.column_config.TextColumn(width=390),
        },
        placeholder="–",
        alt=t("run.rows.alt", count=len(table)),
    )
    st.markdown(f":small[{t('run.rows.choose')}]")
    rows = event["selection"]["rows"]
    if (
        rows and rows[0] < len(table) and rows[0] != state.get("run_marked")
    ):  # what was just selected; the box below may say otherwise since
        state.run_marked = state.run_row = rows[0]


def _line(capture: Capture, number: int) -> dict[str, object]:
    sample, found, here = capture.samples[number], capture.findings_of(number), language()
    packed = Counter(other.row for other in capture.samples)[sample.row] > 1
    said = " · ".join(dict.fromkeys(title_of(finding.rule)[here] for finding in found))
    return {
        t("run.column.number"): number + 1,
        t("run.column.row"): f"{sample.row + 1}.{sample.segment + 1}" if packed else str(sample.row + 1),
        t("run.column.tokens"): len(sample),
        t("run.column.trained"): float(sample.trained.mean()),
        t("run.column.roles"): _roles(sample),
        t("run.column.stops"): _stops(capture.verdicts[number]),
        t("run.column.found"): f"{word(found[0].severity, here)}: {said}" if found else "✓",
    }


def _roles(sample: CapturedSample) -> str:
    """Whose words the labels teach, and how many labels each has."""
    counts: Counter[str] = Counter()
    for share in shares(sample):
        counts[share.role] += share.trained
    return ", ".join(f"{t(f'role.{role}')} {count}" for role, count in counts.items() if count) or t("run.none")


def _stops(found: Verdict) -> str:
    due = ends(found)
    names = " ".join(dict.fromkeys(turn.stop_name for turn in due if turn.stop_trained))
    return f"{t('verdict.of', count=sum(turn.stop_trained for turn in due), total=len(due))} {names}".strip() if due else t("run.none")


# One sequence ---------------------------------------------------------------------------------------------------------


def _shown(capture: Capture) -> int:
    """The sequence that is chosen; at first, and for another capture, the worst."""
    state = st.session_state
    if state.get("run_shown") is not capture or state.get("run_row") is None:
        state.run_shown, state.run_row = capture, capture.worst
        _mark(capture.worst)
    return int(state.run_row)


def _mark(number: int) -> None:
    """Select this row of the table."""
    st.session_state.run_marked, st.session_state.run_rows = number, {"selection": {"rows": [number]}}


def show_sequence(capture: Capture) -> None:
    """The sequence that is chosen, here or in the table, and the pages that open it."""
    number = _shown(capture)
    st.subheader(t("run.tokens", number=number + 1), anchor=False)
    names = {n: t("record.name", number=n + 1, text=first_words(capture.sequences[n])[:40]) for n in range(len(capture.samples))}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            t("run.which"),
            list(names),
            key="run_row",
            format_func=names.__getitem__,
            on_change=_chosen,
            width=320,
            persist_state="session",
        )
        for page, icon in PAGES.items():
            if st.button(t("run.open", page=t(f"page.{page}")), key=f"run_open_{page}", icon=f":material/{icon}:"):
                _open(capture, number, page)
    sample = capture.samples[number]
    token_view(as_view(sample, problems=problems(find(sample, capture.verdicts[number]))), key="run_view")


def _chosen() -> None:
    _mark(st.session_state.run_row)


def _open(capture: Capture, number: int, page: str) -> None:
    state = st.session_state
    state.record = number
    if capture.name:
        state.source = "upload"
    else:
        state.source, state.sample = "sample", EXAMPLE
    prefer_fed()
    st.switch_page(f"pages/{page}.py")
