"""The Loss page's section on another model: what changed from it to the chosen one, and whether each learned to stop."""

from typing import TYPE_CHECKING

import streamlit as st

from glm4viz.figures.base import digits
from glm4viz.figures.loss import stop_bars
from glm4viz.figures.loss_groups import Change, change_bars
from glm4viz.loss.difference import LossDifference, loss_difference
from glm4viz.loss.results import training_loss
from glm4viz.recipe import LabelledSample
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.loss.models import DEMOS, Choice, choices
from glm4viz.ui.loss.page import Result, other_result
from glm4viz.ui.loss.pictures import GROUPINGS, MOST_BARS, group_name, show_heatmap
from glm4viz.ui.theme import FIGURE, theme
from glm4viz.ui.widgets.choose import choose

if TYPE_CHECKING:
    from glm4viz.loss.shares import By


def others(choice: Choice) -> dict[str, Choice]:
    """The models to compare with: first the base under an adapter, or the demo model's twin; then what else the owner allows."""
    base = [Choice(choice.source)] if choice.adapter is not None else []
    known = [other for other in choices().values() if other != choice]
    known.sort(key=lambda other: (other.source in DEMOS) != (choice.source in DEMOS))
    return {other.name: other for other in (*base, *known)}


def show_against(sample: LabelledSample, choice: Choice, result: Result) -> None:
    """Closed at first: it takes another model."""
    fold = st.expander(t("loss.against"), icon=":material/difference:", key="loss_against", on_change="rerun")
    if not fold.open:
        return
    with fold:
        st.markdown(t("loss.against.help"))
        known = others(choice)
        if st.session_state.get("loss_other") not in known:
            st.session_state.loss_other = next(iter(known))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox(t("loss.against.other"), list(known), key="loss_other", persist_state="session")
            slow = known[name].source not in DEMOS
            asked = slow and st.button(t("loss.against.run"), key="loss_against_run", icon=":material/play_arrow:")
        base = other_result(sample, known[name], choice, asked=asked)
        if base is None:
            return
        difference = loss_difference(sample, base.losses, result.losses)
        before, after = known[name].short, choice.short
        st.markdown(
            t(
                "loss.against.loss",
                base=plain(before),
                tuned=plain(after),
                before=digits(training_loss(base.losses)),
                after=digits(training_loss(result.losses)),
            )
        )
        st.markdown(" ".join(plain(text[language()]) for text in difference.about_stopping(before, after)))
        stops, groups = st.columns(2, gap="large")
        with stops:
            _show_stops(difference, before, after)
        with groups:
            _show_changes(sample, difference)
        st.markdown(f"**{t('loss.against.tokens')}**")
        show_heatmap(sample, difference.nll, difference=True, key="loss_against_heatmap")


def _show_stops(difference: LossDifference, before: str, after: str) -> None:
    pairs = ((after, difference.tuned_stops), (before, difference.base_stops))
    rows = [(f"[{stop.message_index}]", name, stop.probability) for name, stops in pairs for stop in stops]
    if rows:
        st.markdown(t("experiment.chances"))
        st.plotly_chart(stop_bars(rows, theme()), key="loss_against_stops", config=FIGURE, alt=t("loss.against.stops.alt"))


def _show_changes(sample: LabelledSample, difference: LossDifference) -> None:
    st.markdown(f"**{t('loss.against.groups')}**")
    chosen = choose("loss_against_by", t("share"), {by: t(f"loss.share.by_{by}") for by in GROUPINGS}, hidden=True)
    by: By = next(known for known in GROUPINGS if known == chosen)
    groups = sorted(difference.groups(by), key=lambda group: -abs(group.change) * group.tokens)[:MOST_BARS]
    kept = [group for group in difference.groups(by) if group in groups]
    changes = [
        Change(
            group_name(by, group.name, group.message_index, sample) + ("" if group.trained else f"<br>{t('loss.share.untrained')}"),
            group.base,
            group.tuned,
        )
        for group in kept
    ]
    st.plotly_chart(change_bars(changes, t, theme=theme()), key="loss_against_groups", config=FIGURE, alt=t("loss.against.groups.alt"))
