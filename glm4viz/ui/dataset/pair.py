"""A record and the one that it repeats, as lines that are the same, gone or new. Plain text: nothing in it is shown as anything else."""

import re
from difflib import unified_diff

import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.texts import printable
from glm4viz.ui.dataset.marks import MARKS, mark, marks_of
from glm4viz.ui.dataset.report import Report
from glm4viz.ui.i18n import t

MOST = 400  # sentences of each record that are compared
AROUND = 2  # equal lines that are shown beside a difference
_ENDS = re.compile(r"(?<=[.!?。！？；;])\s*|\n+")


def show_pair(report: Report, record: int, other: int) -> None:
    """What differs between the two records, and a button that drops the other one."""
    with st.container(key="review_pair"):
        st.markdown(t("review.pair", record=record + 1, other=other + 1))
        lines, cut = compare(*(sentences(read) for read in report.read([other, record])))
        if lines:
            st.code("\n".join(lines), language="diff", wrap_lines=True, height=min(60 + 24 * len(lines), 360))
        else:
            st.caption(t("review.pair.same"))
        if cut:
            st.caption(t("review.pair.cut", count=MOST))
        gone = MARKS[marks_of(report)[other]] == "drop"
        st.button(
            t("review.undrop_other" if gone else "review.drop_other", other=other + 1),
            icon=":material/delete:",
            key="review_drop_other",
            on_click=mark,
            args=(report, other, "drop"),
        )


def sentences(record: object) -> list[str]:
    """What a record says, a sentence a line, each message under its role."""
    if not isinstance(record, Conversation):
        return []
    lines = []
    for message in (record.chat or record).messages:
        lines.append(f"[{message.get('role')}]")
        for key, value in message.items():
            if key != "role" and value not in (None, ""):
                said = value if isinstance(value, str) else repr(value)
                named = "" if key == "content" else f"{key}: "
                lines += [printable(named + part) for part in _ENDS.split(said) if part]
    return lines


def compare(before: list[str], after: list[str]) -> tuple[list[str], bool]:
    """Lines with "-", "+" or a space before them; none if they are the same. And whether they were too long to compare in full."""
    cut = max(len(before), len(after)) > MOST
    lines = list(unified_diff(before[:MOST], after[:MOST], lineterm="", n=AROUND))[2:]
    return [line for line in lines if not line.startswith("@@")], cut
