"""The pictures of per-token losses: the heatmap, where the loss comes from, and the loss along the answers."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from glm4viz.figures.answers import Line, loss_along
from glm4viz.figures.base import digits
from glm4viz.figures.loss import SHARE, colour_top, loss_heatmap
from glm4viz.figures.loss_groups import Bar, loss_bars
from glm4viz.figures.tokens import token_texts
from glm4viz.loss.answers import AnswerLoss, answer_losses
from glm4viz.loss.shares import LossShare, loss_shares
from glm4viz.loss.sums import END
from glm4viz.recipe import LabelledSample
from glm4viz.ui.i18n import t
from glm4viz.ui.theme import FIGURE, theme
from glm4viz.ui.widgets.choose import choose

if TYPE_CHECKING:
    from glm4viz.loss import GroupLoss, LossSummary, TokenLosses
    from glm4viz.loss.shares import By

GROUPINGS: tuple["By", ...] = ("role", "message", "part")
MOST_BARS = 16


def note(text: str) -> None:
    """A small text below a picture, in full ink: what it says belongs to the picture, and a caption is too faint for some readers."""
    st.markdown(f":small[{text}]")


def show_heatmap(sample: LabelledSample, values: Any, *, difference: bool = False, key: str = "loss_heatmap") -> None:
    """One cell a token; below, where its colours end."""
    by = choose(f"{key}_by", t("heatmap.by"), {by: t(f"heatmap.by_{by}") for by in ("position", "message")}, hidden=True)
    figure = loss_heatmap(sample, values, t, by=by, theme=theme(), difference=difference)
    st.plotly_chart(figure, key=key, config=FIGURE, alt=t(f"{'loss.against' if difference else 'loss'}.heatmap.alt", tokens=len(sample)))
    note(t(f"{'loss.against' if difference else 'loss'}.heatmap.scale", top=f"{colour_top(values):g}", share=SHARE))


# Where the loss comes from -----------------------------------------------------------------------------------------------


def choose_grouping(shares: dict["By", list[LossShare]], key: str) -> "By":
    """By role, message or part; at first by the first of these that tells more than one group of trained tokens apart."""
    if key not in st.session_state:
        apart = [by for by in GROUPINGS if sum(share.trained for share in shares[by]) > 1]
        st.session_state[key] = apart[0] if apart else "role"
    by = choose(key, t("share"), {by: t(f"loss.share.by_{by}") for by in GROUPINGS}, hidden=True)
    return next(known for known in GROUPINGS if known == by)


def group_name(by: "By", name: str, message: int | None, sample: LabelledSample) -> str:
    """What a group is called on the page."""
    if by == "part":
        return t("loss.share.end") if name == END else t(f"part.{name}")
    role = t(f"role.{name}") if name in ("", *(str(m["role"]) for m in sample.messages)) else name
    return role if message is None or message < 0 else t("share.message", message=message, role=role)


def show_shares(sample: LabelledSample, losses: "TokenLosses", summary: "LossSummary") -> None:
    """Each group's share of the loss beside its share of the tokens; what isn't trained only when asked for."""
    st.subheader(t("loss.share"), help=t("loss.share.help"), anchor=False)
    every = {by: loss_shares(sample, losses, by) for by in GROUPINGS}
    with st.container(horizontal=True, vertical_alignment="center"):
        by = choose_grouping(every, "loss_share_by")
        masked = st.toggle(t("loss.share.show_masked"), key="loss_share_masked", persist_state="session", help=t("loss.share.masked_help"))
    shares = [share for share in every[by] if share.trained or masked]
    if len(shares) == 1:
        only = shares[0]
        name = group_name(by, only.name, only.message_index, sample)
        st.info(t("loss.share.one", group=name, tokens=f"{only.tokens:,}", mean=digits(only.mean)), icon=":material/bar_chart:")
    elif shares:
        figure = loss_bars(_bars(shares, by, sample), t, theme=theme())
        st.plotly_chart(figure, key="loss_shares", config=FIGURE, alt=t("loss.share.alt"))
        if len(shares) > MOST_BARS:
            note(t("loss.share.most", shown=MOST_BARS, count=len(shares)))
    if by != "part":
        _show_groups(summary.roles if by == "role" else summary.messages, by, sample)


def _bars(shares: list[LossShare], by: "By", sample: LabelledSample) -> list[Bar]:
    """Those with the most loss, if there are too many, in order; shares are of all."""
    nats, tokens = (sum(column) or 1 for column in zip(*((share.nats, share.tokens) for share in shares), strict=True))
    kept = sorted(shares, key=lambda share: -share.nats)[:MOST_BARS]
    return [
        Bar(group_name(by, s.name, s.message_index, sample), s.trained, s.tokens / tokens, s.nats / nats, s.mean)
        for s in shares
        if s in kept
    ]


def _show_groups(groups: tuple["GroupLoss", ...], by: "By", sample: LabelledSample) -> None:
    groups = tuple(group for group in groups if group.trained or group.ordinary)
    table = pd.DataFrame(
        {
            t("loss.group"): [group_name(by, group.role, group.message_index, sample) for group in groups],
            t("loss.trained"): [group.trained for group in groups],
            t("loss.mean"): [digits(group.mean) for group in groups],
            t("loss.perplexity_text"): [digits(group.perplexity) for group in groups],
            t("loss.bits"): [digits(group.bits_per_byte) for group in groups],
        }
    )
    with st.expander(t("loss.groups"), icon=":material/table:", key="loss_groups"):
        st.dataframe(table, hide_index=True, alt=t("loss.share.alt"))
        note(t("loss.bits.help"))


# Along the answers -------------------------------------------------------------------------------------------------------


def show_along(sample: LabelledSample, losses: "TokenLosses") -> None:
    """The loss by the position in the answer: does it fall, the more of the answer has been read?"""
    st.subheader(t("loss.along"), help=t("loss.along.help"), anchor=False)
    answers = answer_losses(sample, losses)
    if not answers:
        st.info(t("loss.along.none"), icon=":material/show_chart:")
        return
    texts = token_texts(sample)
    lines = [Line(_answer_name(answer), answer.nll, [texts[i] for i in answer.positions.tolist()], answer.ended) for answer in answers]
    top = colour_top(np.concatenate([answer.nll for answer in answers]))
    st.plotly_chart(loss_along(lines, top, t, theme=theme()), key="loss_along", config=FIGURE, alt=t("loss.along.alt", count=len(lines)))
    first, last = quarters(answers)
    told = t("loss.along.quarters", first=digits(first), last=digits(last)) if np.isfinite(first) and np.isfinite(last) else ""
    note(" ".join(filter(None, (told, t("loss.along.scale", top=f"{top:g}", share=SHARE)))))


def _answer_name(answer: AnswerLoss) -> str:
    return f"[{answer.message_index}]" if answer.trained else t("loss.along.untrained", message=answer.message_index)


def quarters(answers: list[AnswerLoss]) -> tuple[float, float]:
    """The mean loss of the first and of the last quarter of the answers, without the tokens that end them; nan for answers that are short."""
    texts = [answer.nll[:-1] if answer.ended else answer.nll for answer in answers]
    parts = [(text[: len(text) // 4], text[-(len(text) // 4) :]) for text in texts if len(text) >= 8]
    if not parts:
        return float("nan"), float("nan")
    first, last = (float(np.nanmean(np.concatenate(part))) for part in zip(*parts, strict=True))
    return first, last
