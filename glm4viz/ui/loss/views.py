"""The views of per-token losses: numbers, coloured tokens, heatmap, shares, table."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from glm4viz.figures.loss import SHARE, colour_top, loss_bars, loss_heatmap, stop_bars
from glm4viz.recipe import LabelledSample
from glm4viz.texts import printable
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.theme import FIGURE, theme
from glm4viz.ui.web.token_view import Prediction, TokenView
from glm4viz.ui.widgets.as_view import as_view
from glm4viz.ui.widgets.choose import choose
from glm4viz.ui.widgets.table import show_filtered

if TYPE_CHECKING:
    from glm4viz.loss import Generation, LossSummary, StopProbabilities, TokenLosses


def show_numbers(summary: "LossSummary", model: str, device: str) -> None:
    """The training loss and what it stands for."""
    columns = st.columns(4)
    columns[0].metric(t("loss.training"), _number(summary.training_loss), border=True, help=t("loss.training.help"))
    perplexity = float(np.exp(summary.training_loss)) if summary.trained else float("nan")
    columns[1].metric(t("loss.perplexity"), _number(perplexity), border=True, help=t("loss.perplexity.help"))
    columns[2].metric(t("loss.trained"), f"{summary.trained:,}", border=True)
    columns[3].metric(t("loss.model_used"), printable(model), border=True, help=device)


def show_worth(losses: "TokenLosses", summary: "LossSummary") -> None:
    """What the numbers are worth: reasons to distrust them, faults of the template, and what a server left out."""
    for text in summary.warnings:
        st.warning(plain(text[language()]), icon=":material/warning:")
    for spike in summary.spikes:
        st.warning(plain(spike.sentence(language())), icon=":material/rule:")
    for text in losses.notes:
        st.caption(plain(text[language()]))


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}" if value < 1000 else f"{value:,.0f}"


def coloured(sample: LabelledSample, losses: "TokenLosses", values: Any, label: str, **more: Any) -> TokenView:
    """The token view with each token's loss as its background, and what the model would rather have said."""
    likely = [int(i) for i in np.unique(losses.top_ids) if i >= 0]
    prediction = Prediction(
        losses.rank, losses.entropy, losses.top_ids, losses.top_logprobs, {i: printable(token_text(sample, i)) for i in likely}
    )
    return as_view(sample, values=values, value_label=label, value_top=colour_top(values), prediction=prediction, **more)


def show_heatmap(sample: LabelledSample, values: Any, *, difference: bool) -> None:
    st.subheader(t("loss.heatmap"), help=t("loss.heatmap.help"))
    by = choose("loss_heatmap_by", t("heatmap.by"), {by: t(f"heatmap.by_{by}") for by in ("position", "message")}, hidden=True)
    figure = loss_heatmap(sample, values, t, by=by, theme=theme(), difference=difference)
    st.plotly_chart(figure, key="loss_heatmap", config=FIGURE, alt=t("loss.heatmap.alt", tokens=len(sample)))
    st.caption(t("loss.heatmap.scale", top=f"{colour_top(values):g}", share=SHARE))


def show_shares(summary: "LossSummary") -> None:
    st.subheader(t("loss.share"), help=t("loss.share.help"))
    by = choose("loss_share_by", t("share"), {by: t(f"share.by_{by}") for by in ("role", "message")}, hidden=True)
    groups = [group for group in (summary.roles if by == "role" else summary.messages) if group.trained or group.ordinary]
    role = {group.role: t(f"role.{group.role}") for group in groups}
    names = [role[g.role] if g.message_index is None else t("share.message", message=g.message_index, role=role[g.role]) for g in groups]
    carrying = [i for i, group in enumerate(groups) if group.trained][:24]
    figure = loss_bars([names[i] for i in carrying], [groups[i].share for i in carrying], [groups[i].mean for i in carrying], t, theme())
    st.plotly_chart(figure, key="loss_shares", config=FIGURE, alt=t("loss.share.alt"))
    table = pd.DataFrame(
        {
            t("loss.group"): names,
            t("loss.trained"): [group.trained for group in groups],
            t("loss.mean"): [group.mean for group in groups],
            t("loss.perplexity_text"): [group.perplexity for group in groups],
            t("loss.bits"): [group.bits_per_byte for group in groups],
        }
    )
    st.dataframe(table.round(3), hide_index=True, alt=t("loss.share.alt"))
    st.caption(t("loss.bits.help"))


@st.fragment
def show_table(sample: LabelledSample, losses: "TokenLosses") -> None:
    st.subheader(t("loss.table"))
    table = sample.table().drop(columns=["bytes", "target", "owner"])
    table = table.merge(losses.table().drop(columns=["weight", "likeliest_logprob"]), on="position")
    table["likeliest"] = [printable(token_text(sample, i)) if i >= 0 else "" for i in table["likeliest"].tolist()]
    show_filtered(table, "losses.csv", key="loss_table")


def token_text(sample: LabelledSample, token_id: int) -> str:
    """What a token says; a model has more rows than the vocabulary has tokens."""
    from glm4viz.errors import TokenizerError

    try:
        return sample.tokenizer.token_bytes(token_id).decode("utf-8", "backslashreplace")
    except TokenizerError:
        return f"#{token_id}"


def show_experiment(stops: dict[str, list["StopProbabilities"]], answers: dict[str, "Generation"]) -> None:
    """Two models side by side: how likely each is to stop at the end of every answer, and what it does when it answers itself."""
    rows = [(f"messages[{stop.message_index}]", t(f"experiment.{name}"), stop.total) for name, found in stops.items() for stop in found]
    if rows:
        st.markdown(t("experiment.chances"))
        st.plotly_chart(stop_bars(rows, theme()), key="stop_bars", config=FIGURE, alt=t("experiment.alt"))
    for (name, answer), column in zip(answers.items(), st.columns(len(answers)), strict=True):
        with column, st.container(border=True):
            st.markdown(f"**{t(f'experiment.{name}')}**")
            st.code(answer.text.lstrip("\n"), language=None, wrap_lines=True)
            if answer.stopped_by:
                st.success(t("experiment.stopped", stop=f"`{answer.stopped_by}`", count=len(answer.ids)), icon=":material/check_circle:")
            else:
                st.warning(t("experiment.ran_on", count=len(answer.ids)), icon=":material/all_inclusive:")
