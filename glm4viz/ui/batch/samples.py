"""Which records of the file make the batch, and their samples whole and cut."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError
from glm4viz.forms import as_record
from glm4viz.labelling.single import label_all
from glm4viz.recipe import LabelledSample, MaxLength, Recipe
from glm4viz.rows.truncation import Curve, Loss, curve_by_labelling, losses, truncation_curve
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import recipes
from glm4viz.ui.current import current_conversations, identity
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.url import BATCH_PICKS, MOST_SAMPLES, remember
from glm4viz.ui.widgets.choose import choose
from glm4viz.ui.widgets.source import first_words, read_source

FIRST_SAMPLE = "13-dataset-small.jsonl"
SIZE = 8
MOST_NAMED = 2_000  # records offered by name: more would be megabytes of names
STEPS, EFFORT = 200, 400_000  # for systems whose every limit is labelled anew


@dataclass(frozen=True)
class Cut:
    """The batch at one limit. after: the sample of each whole one, None if it is refused; samples and names: those there are."""

    whole: "Chosen"
    after: tuple[LabelledSample | None, ...]
    samples: tuple[LabelledSample, ...]
    names: tuple[str, ...]
    conversations: tuple[Conversation, ...]

    @property
    def losses(self) -> list[Loss]:
        return losses(self.whole.samples, self.after)


@dataclass(frozen=True)
class Chosen:
    """The batch without a limit: samples, what each is called, the conversation of each (an index), and the curve."""

    recipe: Recipe
    conversations: tuple[Conversation, ...]
    samples: tuple[LabelledSample, ...]
    names: tuple[str, ...]
    source: tuple[int, ...]
    refused: tuple[tuple[str, Glm4vizError], ...]
    curve: Curve | None

    def cut(self, limit: MaxLength) -> Cut:
        """Every sample at this limit, labelled as the system would."""
        after: list[LabelledSample | None] = []
        for i, conversation in enumerate(self.conversations):
            count = self.source.count(i)
            try:
                made: Sequence[LabelledSample | None] = label_all(conversation, self.recipe, max_length=limit) if count else ()
            except Glm4vizError:
                made = ()
            after += made if len(made) == count else [None] * count
        there = [i for i, sample in enumerate(after) if sample is not None]
        return Cut(
            whole=self,
            after=tuple(after),
            samples=tuple(sample for sample in after if sample is not None),
            names=tuple(self.names[i] for i in there),
            conversations=tuple(self.conversations[self.source[i]] for i in there),
        )


def is_fed(whole: Chosen) -> bool:
    """Whether the samples are what a run fed: nothing cuts them anew, and they have rows already."""
    return whole.recipe.id == CAPTURED.id


def choose_samples() -> list[Conversation]:
    """The source and the records of it that make the batch."""
    _prefer_a_file()
    records = read_source()
    if len(records) < 2:
        return records
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    pick = choose("batch_pick", t("batch.pick", count=len(records)), {pick: t(f"batch.pick.{pick}") for pick in BATCH_PICKS}, where=left)
    if pick == "hand":
        return _by_hand(records)
    st.session_state.setdefault("batch_size", SIZE)
    size = int(right.number_input(t("batch.size"), 1, MOST_SAMPLES, key="batch_size", persist_state="session") or 1)
    return _picked(records, pick, size)


def _prefer_a_file() -> None:
    """At the first visit a file of many records, not the one conversation that another page opened with."""
    state = st.session_state
    if not state.get("batch_seen"):
        state.batch_seen = True
        if "sample" not in st.query_params and str(state.get("sample") or ".json").endswith(".json"):
            state.sample = FIRST_SAMPLE


def _by_hand(records: list[Conversation]) -> list[Conversation]:
    offered = records[:MOST_NAMED]
    names = [f"{record.index + 1} · {first_words(record)[:24]}" for record in offered]
    kept = [i for i in st.session_state.get("batch_records", range(SIZE)) if i < len(offered)]
    st.session_state.batch_records = kept or [0]
    numbers = st.multiselect(
        t("batch.records", most=MOST_SAMPLES),
        range(len(offered)),
        key="batch_records",
        format_func=names.__getitem__,
        max_selections=MOST_SAMPLES,
        persist_state="session",
    )
    return [records[i] for i in numbers]


def _picked(records: list[Conversation], pick: str, size: int) -> list[Conversation]:
    order = list(range(len(records)))
    if pick == "longest":
        order.sort(key=lambda i: -sum(len(message["content"] or "") for message in records[i].messages))
    elif pick == "random":
        random.Random(0).shuffle(order)  # the same ones at every visit, so that a link shows them too
    return [records[i] for i in sorted(order[:size])]


def label_chosen(conversations: list[Conversation], recipe: Recipe) -> Chosen | None:
    """Their samples; None, with a sentence on the page, if there is none."""
    if not conversations:
        return None
    stamp = json.dumps([[c.index, identity(c)] for c in conversations], ensure_ascii=False)
    own = str(st.session_state.get("custom")) if recipe.id not in recipes() else ""
    found = _label(stamp, recipe.id + own, conversations, recipe)
    if found.refused:
        st.warning(t("batch.refused", count=len(found.refused), total=len(conversations)), icon=":material/block:")
        for name, error in found.refused[:3]:
            st.caption(f"{name} · {plain(error.sentence(language()))}")
    return found if found.samples else None


@st.cache_resource(max_entries=4, scope="session", show_spinner=True)
def _label(stamp: str, recipe_stamp: str, _conversations: list[Conversation], _recipe: Recipe) -> Chosen:  # noqa: ARG001
    samples: list[LabelledSample] = []
    names: list[str] = []
    source: list[int] = []
    refused = []
    for i, conversation in enumerate(_conversations):
        name = f"#{conversation.index + 1}"
        try:
            made = label_all(conversation, _recipe)
        except Glm4vizError as error:
            refused.append((name, error))
            continue
        samples += made
        source += [i] * len(made)
        names += [name] if len(made) == 1 else [f"{name}.{k + 1}" for k in range(len(made))]
    return Chosen(
        _recipe,
        tuple(_conversations),
        tuple(samples),
        tuple(names),
        tuple(source),
        tuple(refused),
        _curve(samples, _conversations, _recipe),
    )


def _curve(samples: list[LabelledSample], conversations: list[Conversation], recipe: Recipe) -> Curve | None:
    """None for a limit that is two numbers."""
    if recipe.max_length_pair or not samples:
        return None
    if recipe.fit is None:
        return truncation_curve(samples)
    longest = max(map(len, samples))
    steps = min(max(EFFORT // sum(map(len, samples)), 12), STEPS, longest)
    lengths = sorted({round(1 + k * (longest - 1) / max(steps - 1, 1)) for k in range(steps)})
    return curve_by_labelling(conversations, recipe, lengths)


def open_in_inspect(whole: Chosen) -> None:
    """A button that shows one sample of the batch token by token."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = [f"{name} · {first_words(whole.conversations[whole.source[i]])[:40]}" for i, name in enumerate(whole.names)]
        if st.session_state.get("batch_open", 0) not in range(len(names)):
            st.session_state.batch_open = 0
        number = st.selectbox(t("batch.open.which"), range(len(names)), key="batch_open", format_func=names.__getitem__, width=420)
        conversation = whole.conversations[whole.source[number or 0]]
        if st.button(t("batch.open"), icon=":material/frame_inspect:", key="batch_open_go", on_click=_take, args=(conversation,)):
            st.switch_page("pages/inspect.py")


def _take(conversation: Conversation) -> None:
    state = st.session_state
    if state.get("source", "sample") == "sample" or conversation.captured is not None:  # Inspect can name it, and so can a link
        state.record = [record.index for record in current_conversations()].index(conversation.index)
        return
    state.source, state.record = "paste", 0
    remember(json.dumps(as_record(conversation), ensure_ascii=False, indent=2))
