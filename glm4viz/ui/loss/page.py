"""What the Loss page does: choose a model, compute, keep the results of this visit."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError, VocabularyMismatch
from glm4viz.labelling.single import label_all
from glm4viz.recipe import LabelledSample, MaxLength
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import load_tokenizer, recipes
from glm4viz.ui.i18n import language, t
from glm4viz.ui.loss.models import DEMOS, Choice, choices, model_names
from glm4viz.ui.loss.own import choose_load_as, load_as, show_how_to_offer, show_plan
from glm4viz.ui.loss.run import compute
from glm4viz.ui.widgets.choose import choose

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel, LossSummary, TokenLosses

KEPT = 8  # results of this visit that are kept
AT_ONCE = 8_192  # tokens up to which the demo model computes without being asked


@dataclass(frozen=True)
class Result:
    """Losses of one sample under one model."""

    losses: "TokenLosses"
    summary: "LossSummary"
    model: str
    device: str


def choose_model() -> Choice:
    """The models that the server's owner allows."""
    known = choices()
    if st.session_state.get("loss_model") not in known:
        st.session_state.loss_model = "demo"
    name = st.selectbox(
        t("loss.model"), list(known), key="loss_model", format_func=model_names(), persist_state="session", help=t("loss.model.help")
    )
    show_how_to_offer()
    if name in DEMOS:
        st.caption(t("loss.demo"))
    elif known[name].on_server:
        st.caption(t("loss.served", server=f"`{known[name].source}`"))
    else:
        choose_load_as()
    return known[name]


def losses_of(sample: LabelledSample, choice: Choice) -> Result | None:
    """The losses: at once from the demo model, else when asked for."""
    results, key = _results(), _key(sample, choice)
    asked = st.button(t("loss.run"), key="loss_run", icon=":material/play_arrow:", type="primary")
    cancelled = st.session_state.pop("loss_cancelled", False)
    if cancelled:
        st.info(t("loss.cancelled"), icon=":material/cancel:")
    at_once = choice.source in DEMOS and len(sample) <= AT_ONCE and not cancelled
    if key not in results or asked:
        if not (asked or at_once):
            if choice.source in DEMOS or choice.on_server:
                st.info(t("loss.ask"), icon=":material/play_circle:")
            else:
                show_plan(choice, len(sample))
            return None
        if not sample.trained.any():
            st.warning(t("verdict.nothing"), icon=":material/warning:")
        result = compute(choice, lambda model, progress: _losses(model, sample, choice, progress), key="losses", tokens=len(sample))
        if result is None:
            return None
        _keep(key, result)
    return results[key]


def other_result(sample: LabelledSample, other: Choice, choice: Choice, *, asked: bool) -> Result | None:
    """The losses under another model than the chosen one: at once from the demo models, else when asked for.

    The base under the chosen adapter is the chosen model without it, which is in memory.
    """
    results, key = _results(), _key(sample, other)
    if key in results and not asked:
        return results[key]
    if not asked and not (other.source in DEMOS and len(sample) <= AT_ONCE):
        return None
    under = other.adapter is None and choice == Choice(other.source, choice.adapter) and choice.adapter is not None

    def work(model: "AnyModel", progress: Callable[[float], None]) -> Result:
        return _losses(model.without_adapter() if under else model, sample, other, progress)

    result = compute(choice if under else other, work, key="against")
    if result is not None:
        _keep(key, result)
    return result


def _results() -> dict[str, Result]:
    """Of this visit, by `_key`, the newest last."""
    results: dict[str, Result] = st.session_state.setdefault("loss_results", {})
    return results


def _keep(key: str, result: Result) -> None:
    results = _results()
    results[key] = result
    for old in list(results)[:-KEPT]:
        del results[old]


def known_losses(sample: LabelledSample) -> Result | None:
    """What this visit has computed for the sample already, whichever the model; the newest."""
    results = _results()
    keys = {_key(sample, choice) for choice in choices().values()}
    return next((results[key] for key in reversed(results) if key in keys), None)


def _key(sample: LabelledSample, choice: Choice) -> str:
    return hashlib.sha256(
        repr((choice, load_as(choice), sample.recipe.id)).encode() + sample.input_ids.tobytes() + sample.labels.tobytes()
    ).hexdigest()


def _losses(model: "AnyModel", sample: LabelledSample, choice: Choice, progress: Callable[[float], None]) -> Result:
    from glm4viz.loss import loss_summary, token_losses
    from glm4viz.loss.vocabulary import check_vocabulary

    if sample.recipe.id == CAPTURED.id and not choice.on_server:  # a served model is asked itself which texts its ids are
        check_vocabulary(sample, load_tokenizer(None if choice.source in DEMOS else choice.source), choice.name)
    losses = token_losses(model, sample, progress=progress)
    return Result(losses, loss_summary(sample, losses), model.short_name, model.described)


def choose_values(result: Result) -> tuple[Any, str]:
    """Which numbers colour the tokens: (values [T], their name)."""
    kinds = ["nll", "label_nll"] + (["entropy"] if np.isfinite(result.losses.entropy).any() else [])
    names = {kind: t(f"loss.values.{kind}") for kind in kinds}
    kind = choose("loss_values", t("loss.values"), names, hidden=True)
    return getattr(result.losses, kind), names[kind]


# ---------------------------------------------------------------------------------------------------------------------


def show_recipes(conversation: Conversation, choice: Choice, max_length: MaxLength) -> None:
    """What the training loss would be under every recipe."""
    fold = st.expander(t("loss.recipes"), icon=":material/compare_arrows:", key="loss_recipes", on_change="rerun")
    if not fold.open:
        return
    with fold:
        st.caption(t("loss.recipes.help"))
        found = compute(choice, lambda model, progress: _by_recipe(model, conversation, max_length, progress), key="recipes")
        if found:
            st.dataframe(found, hide_index=True, alt=t("loss.recipes"))


def _by_recipe(
    model: "AnyModel", conversation: Conversation, max_length: MaxLength, progress: Callable[[float], None]
) -> list[dict[str, Any]]:
    from glm4viz.loss import token_losses, training_loss

    rows, known = [], recipes()
    for number, (id, recipe) in enumerate(known.items()):
        row: dict[str, Any] = {t("loss.recipes.id"): id, t("loss.training"): np.nan, t("loss.trained"): None, t("loss.recipes.note"): ""}
        try:
            samples = label_all(
                conversation, recipe, max_length=max_length if isinstance(max_length, int) and not recipe.max_length_pair else None
            )
            losses = [token_losses(model, sample, 0) for sample in samples]
            row |= {t("loss.training"): round(training_loss(losses), 4), t("loss.trained"): int(sum(s.trained.sum() for s in samples))}
        except VocabularyMismatch:
            row[t("loss.recipes.note")] = t("loss.recipes.foreign")
        except Glm4vizError as error:
            row[t("loss.recipes.note")] = error.sentence(language())
        rows.append(row)
        progress((number + 1) / len(known))
    return rows
