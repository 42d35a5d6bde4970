"""The way through the findings of a list: which one is on screen, the one before, the next, and the way back to the list."""

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from glm4viz.recipe import LabelledSample, Mask, Recipe
from glm4viz.ui import url
from glm4viz.ui.dataset.report import Numbers, Report


@dataclass(frozen=True, eq=False)
class Review:
    """steps: what is gone through, in the order of the list: a finding of the report, or -1 - n for record n, of which no finding is listed.

    at: the step on screen. edit, text: under which number the record was pasted into Inspect, and what was.
    """

    report: Report
    steps: Numbers
    at: int
    edit: int = -1
    text: str = ""

    @property
    def finding(self) -> int | None:
        """The finding on screen, if there is one."""
        step = int(self.steps[self.at])
        return step if step >= 0 else None

    @property
    def record(self) -> int:
        """The record on screen."""
        return self.record_at(self.at)

    def record_at(self, step: int) -> int:
        """The record of a step."""
        found = int(self.steps[step])
        return int(self.report["record"][found]) if found >= 0 else -1 - found


def steps_through(report: Report, records: Numbers, kept: Mask) -> Numbers:
    """The findings that are kept of the records, in their order; a record that has none stands for itself."""
    rank = np.full(len(report), -1, np.int64)
    rank[records] = np.arange(len(records))
    findings = np.flatnonzero(kept & (rank[report["record"]] >= 0))
    without = records[~np.isin(records, report["record"][findings])]
    steps = np.concatenate([findings, -1 - without])
    where = np.concatenate([rank[report["record"][findings]], rank[without]])
    return steps[np.argsort(where, kind="stable")]


def begin(report: Report, record: int, steps: Numbers) -> None:
    """Opens a record of the list in Inspect, at its first finding; one that isn't in the list, with its own findings."""
    review = Review(report, steps, 0)
    of = np.where(steps >= 0, report["record"][steps] if report.findings else 0, -1 - steps)
    there = np.flatnonzero(of == record)
    if not len(there):
        review = Review(report, steps_through(report, np.array([record]), np.ones(report.findings, bool)), 0)
    else:
        review = replace(review, at=int(there[0]))
    state = st.session_state
    state.source, state.record, state.damaged_link = "paste", 0, False
    text = _text(report, record)
    url.remember(text)
    state.review = replace(review, edit=state.edit, text=text)
    go_on("pages/inspect.py")


def _text(report: Report, record: int) -> str:
    """The record as one would paste it; "" if its file is gone."""
    try:
        return report.as_pasted(record)
    except OSError:
        return ""


def go_on(page: str) -> None:
    """To another page with the settings in its address from the start, so that one step of the browser leads back."""
    st.switch_page(page, query_params=url.settings())


def step(by: int) -> None:
    """The finding before or after, as what a button does. Its record takes the place of the last one; the address stays."""
    state, review = st.session_state, st.session_state.review
    review = replace(review, at=min(max(review.at + by, 0), len(review.steps) - 1))
    state.source, state.record = "paste", 0
    text = _text(review.report, review.record)
    url.exchange(text)
    state.review = replace(review, edit=state.edit, text=text)


def current() -> Review | None:
    """The review whose record Inspect shows; None if it shows something else."""
    state = st.session_state
    review: Review | None = state.get("review")
    if review is None or state.get("source") != "paste" or state.get("edit", -1) < review.edit:
        return None
    return review


def end() -> None:
    """Inspect shows its record without what was found."""
    st.session_state.review = None


def lit(sample: LabelledSample) -> tuple[int, int] | None:
    """The tokens that the finding on screen is about: its own, or those of its message; None where they can't be told."""
    review = current()
    if review is None or review.finding is None or st.session_state.get("paste") != review.text:
        return None
    report, finding = review.report, review.finding
    start, stop, message = (int(report[name][finding]) for name in ("start", "stop", "message"))
    if 0 <= start < min(stop, len(sample)) and _is_same(report, sample.recipe):
        return start, stop
    own = np.flatnonzero((sample.message_index == message) & (sample.message_index >= 0))
    return (int(own[0]), int(own[-1]) + 1) if len(own) else None


def marked_anew() -> bool:
    """Whether the finding on screen is another than at the last drawing."""
    state, review = st.session_state, st.session_state.review
    before, state.review_shown = state.get("review_shown"), (review.edit, review.at)
    return bool(before != state.review_shown)


def _is_same(report: Report, recipe: Recipe) -> bool:
    """Whether Inspect labels as the report did; else its tokens have other numbers."""
    return report.recipe == recipe.id
