"""The views of per-token losses: numbers and what they are worth, coloured tokens, table."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from glm4viz.figures.base import digits
from glm4viz.figures.loss import colour_top
from glm4viz.recipe import LabelledSample
from glm4viz.texts import printable
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.loss.pictures import note
from glm4viz.ui.web.token_view import Prediction, TokenView
from glm4viz.ui.widgets.as_view import as_view
from glm4viz.ui.widgets.table import show_filtered

if TYPE_CHECKING:
    from glm4viz.loss import LossSummary, TokenLosses


def show_numbers(summary: "LossSummary", model: str, device: str) -> None:
    """The training loss and what it stands for."""
    columns = st.columns(4)
    columns[0].metric(t("loss.training"), digits(summary.training_loss), border=True, help=t("loss.training.help"))
    perplexity = float(np.exp(summary.training_loss)) if summary.trained else float("nan")
    columns[1].metric(t("loss.perplexity"), digits(perplexity), border=True, help=t("loss.perplexity.help"))
    columns[2].metric(t("loss.trained"), f"{summary.trained:,}", border=True)
    columns[3].metric(t("loss.model_used"), printable(model), border=True, help=device)


def show_worth(losses: "TokenLosses", summary: "LossSummary") -> None:
    """What the numbers are worth: how they are read, reasons to distrust them, faults of the template, and what a server left out."""
    if summary.trained:
        told = {"uniform": digits(summary.uniform), "choices": digits(float(np.exp(summary.training_loss)))}
        note(t("loss.worth", **told))
    for text in summary.warnings:
        st.warning(plain(text[language()]), icon=":material/warning:")
    for spike in summary.spikes:
        st.warning(plain(spike.sentence(language())), icon=":material/rule:")
    for text in losses.notes:
        st.caption(plain(text[language()]))


def coloured(sample: LabelledSample, losses: "TokenLosses", values: Any, label: str, **more: Any) -> TokenView:
    """The token view with each token's loss as its background, and what the model would rather have said."""
    likely = [int(i) for i in np.unique(losses.top_ids) if i >= 0]
    prediction = Prediction(
        losses.rank, losses.entropy, losses.top_ids, losses.top_logprobs, {i: printable(token_text(sample, i)) for i in likely}
    )
    return as_view(sample, values=values, value_label=label, value_top=colour_top(values), prediction=prediction, **more)


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
