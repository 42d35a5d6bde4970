"""Which records the reader keeps and which go: marks of this visit, by source, so that they stay whatever page is shown."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import streamlit as st

from glm4viz.recipe import Mask
from glm4viz.ui.dataset.report import Report

Mark = Literal["", "keep", "drop"]
MARKS: tuple[Mark, ...] = ("", "keep", "drop")
DROP = MARKS.index("drop")
MOST_UNDONE = 20
Marks = npt.NDArray[np.uint8]


def marks_of(report: Report) -> Marks:
    """uint8 [records]: numbers of `MARKS`. Not to be written to."""
    known: dict[str, Marks] = st.session_state.setdefault("review_marks", {})
    found = known.get(report.source.stamp)
    return np.zeros(len(report), np.uint8) if found is None else found


def mark(report: Report, record: int, wanted: Mark) -> None:
    """Marks one record; the mark that it has already is taken away."""
    marks = marks_of(report).copy()
    marks[record] = 0 if MARKS[marks[record]] == wanted else MARKS.index(wanted)
    _remember(report, marks)


def drop_rule(report: Report, rule: int) -> None:
    """Marks every record in which this rule found something as one to drop, but for those that the reader keeps."""
    marks = marks_of(report).copy()
    marks[_free(report, marks, rule)] = DROP
    _remember(report, marks)


def count_droppable(report: Report, rule: int) -> int:
    """How many records `drop_rule` would mark."""
    return int(_free(report, marks_of(report), rule).sum())


def _free(report: Report, marks: Marks, rule: int) -> Mask:
    free = np.zeros(len(report), bool)
    free[report["record"][report["rule"] == rule]] = True
    free &= marks == 0
    return free


def _remember(report: Report, marks: Marks) -> None:
    state, stamp = st.session_state, report.source.stamp
    undone: list[tuple[str, Marks]] = state.get("review_undone", [])
    state.review_undone = [*undone, (stamp, marks_of(report))][-MOST_UNDONE:]
    state.review_marks = {**state.get("review_marks", {}), stamp: marks}


def can_undo(report: Report) -> bool:
    """Whether the last change of marks was one of this source."""
    undone: list[tuple[str, Marks]] = st.session_state.get("review_undone", [])
    return bool(undone) and undone[-1][0] == report.source.stamp


def undo() -> None:
    """Takes the last change of marks back."""
    state = st.session_state
    *state.review_undone, (stamp, marks) = state.review_undone
    state.review_marks = {**state.review_marks, stamp: marks}
