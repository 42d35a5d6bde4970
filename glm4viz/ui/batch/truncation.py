"""The truncation slider, what is left at its limit, and what dies."""

import streamlit as st

from glm4viz.figures.limit import kept_curve
from glm4viz.recipe import MaxLength
from glm4viz.rows.truncation import Loss, kept
from glm4viz.ui.batch.samples import Chosen, Cut
from glm4viz.ui.i18n import language, t
from glm4viz.ui.theme import FIGURE, theme
from glm4viz.ui.widgets.settings import MAX_INPUT, MAX_OUTPUT, choose_max_length

SHOWN_LOSSES = 8


def choose_limit(whole: Chosen) -> MaxLength:
    """The limit by a slider over all lengths, or the two numbers of a system that has two."""
    st.subheader(t("batch.truncation"), anchor=False, help=whole.recipe.max_length[language()])
    if whole.curve is None:
        return choose_max_length(whole.recipe)
    state, longest = st.session_state, max(2, *map(len, whole.samples))
    state.setdefault("max_length", MAX_INPUT + MAX_OUTPUT + 1)
    limit = min(max(int(state.max_length or 1), 1), longest)
    # The slider shows the limit that all pages share, as far as this batch reaches.
    if state.get("batch_cut") != limit:  # else a quick hand on the slider would be set back by each answer
        state.batch_cut = limit
    boundaries = whole.curve.boundaries
    before = max((b for b in boundaries if b <= limit), default=1) - 1
    after = min((b for b in boundaries if b > limit), default=longest)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            t("batch.previous"), icon=":material/chevron_left:", key="batch_previous", on_click=_set, args=(before,), disabled=before < 1
        )
        st.button(t("batch.next"), icon=":material/chevron_right:", key="batch_next", on_click=_set, args=(after,), disabled=after <= limit)
    st.slider(t("batch.limit"), 1, longest, key="batch_cut", on_change=_from_slider)
    if state.max_length > longest:
        st.caption(t("batch.limit.roomy", limit=state.max_length, longest=longest))
    return limit


def _from_slider() -> None:
    _set(st.session_state.batch_cut)


def _set(limit: int) -> None:
    st.session_state.max_length = limit
    for key in ("max_input_length", "max_output_length"):  # Inspect splits the limit anew
        st.session_state.pop(key, None)


def show_truncation(whole: Chosen, cut: Cut, limit: MaxLength) -> None:
    """What is left, as numbers; the curve over all limits; and a sentence for each sample that loses something."""
    total, left = kept(whole.samples), kept(cut.samples)
    with st.container(key="batch_kept"):
        columns = st.columns(4)
        for column, name in zip(columns, ("answers", "stops", "samples", "tokens"), strict=True):
            there, all_of_them = getattr(left, name), getattr(total, name)
            lost = there - all_of_them
            column.metric(
                t(f"batch.kept.{name}"),
                t("verdict.of", count=there, total=all_of_them),
                delta=f"{lost:+d}".replace("-", "−") if lost else None,
                delta_color="inverse" if lost < 0 else "normal",
                delta_arrow="auto" if lost >= 0 else "down",
                border=True,
                help=t(f"batch.kept_help.{name}"),
                height="stretch",
            )
    _say(cut, left.tokens)
    if whole.curve is not None and isinstance(limit, int):
        figure = kept_curve(whole.curve, limit, t, theme=theme())
        alt = t("batch.curve.alt", limit=limit, **left._asdict())
        st.plotly_chart(figure, key="batch_curve", config=FIGURE, alt=alt)


def _say(cut: Cut, trained: int) -> None:
    found = cut.losses
    if not trained:
        st.error(t("batch.nothing"), icon=":material/error:")
    if not found:
        st.success(t("batch.lost.none"), icon=":material/check_circle:")
        return
    found = sorted(found, key=lambda loss: (not loss.dead, -len(loss.answers), -loss.tokens))
    lines = [_line(cut, loss) for loss in found]
    with st.expander(t("batch.lost", count=len(found)), expanded=True, icon=":material/content_cut:", key="batch_lost"):
        st.markdown("\n".join(lines[:SHOWN_LOSSES]))
        if lines[SHOWN_LOSSES:]:
            st.caption(t("batch.lost.more", count=len(lines) - SHOWN_LOSSES))


def _line(cut: Cut, loss: Loss) -> str:
    name = cut.whole.names[loss.sample]
    if cut.after[loss.sample] is None:
        return f"- **{name}** :red[:material/block:] " + t("batch.lost.refused")
    if loss.dead:
        return f"- **{name}** :red[:material/cancel:] " + t("batch.lost.dead", tokens=loss.tokens)
    parts = [t("batch.lost.tokens", tokens=loss.tokens, trained=loss.trained)]
    if loss.answers:
        parts.append(t("batch.lost.answers", count=len(loss.answers)))
    if loss.stops:
        parts.append(t("batch.lost.stops", count=len(loss.stops)))
    return f"- **{name}** :orange[:material/warning:] " + t("batch.lost.join").join(parts)
