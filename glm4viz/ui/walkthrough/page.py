"""The parts of the Walkthrough page, from its controls to one step."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError, RecipeRejects
from glm4viz.labelling.single import label_all
from glm4viz.linter.repair import openai_tools
from glm4viz.recipe import LabelledSample, MaxLength, Recipe
from glm4viz.systems.registry import DEFAULT, recipes
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.walkthrough import draw
from glm4viz.ui.walkthrough.boards import padding_board, step_board
from glm4viz.ui.walkthrough.chips import shown_json, shown_text
from glm4viz.ui.walkthrough.lists import Board
from glm4viz.ui.walkthrough.numbers import Numbers, numbers
from glm4viz.ui.walkthrough.tables import pairs_board, ways_board
from glm4viz.ui.walkthrough.words import boundary_words, rule, title, why_the_tag, words
from glm4viz.walkthrough.plain import PLAIN
from glm4viz.walkthrough.steps import Step, walk
from glm4viz.walkthrough.training import padded
from glm4viz.walkthrough.ways import WAYS, ways

SHORT = {"zh": "14-two-turns-zh.json", "en": "15-two-turns-en.json"}
MESSAGES_SHOWN = 6

# Controls -------------------------------------------------------------------------------------------------------------


def prefer_short_sample() -> None:
    """Who comes here first gets a conversation short enough to follow by eye; a conversation chosen elsewhere stays."""
    st.session_state.setdefault("sample", SHORT[language()])


def offer_short_sample() -> None:
    state = st.session_state
    if state.get("source") != "sample" or state.get("sample") not in SHORT.values():
        st.button(t("walk.short"), icon=":material/short_text:", key="walk_short", on_click=_take_short_sample)


def _take_short_sample() -> None:
    st.session_state.source, st.session_state.sample = "sample", SHORT[language()]


def recipe() -> Recipe:
    """The recipe of the address if it can be walked through, else GLM-4's own."""
    chosen = st.session_state.get("recipe")
    return recipes()[chosen if chosen in PLAIN else DEFAULT]


def choose_way() -> None:
    """Which way to train. The other pages' recipe follows, but one that can't be walked through is left as it is."""
    state, now = st.session_state, recipe().id
    if state.get("recipe", DEFAULT) not in PLAIN:
        st.caption(f":material/info: {t('walk.not_walkable', recipe=plain(state.recipe))}")
    options = WAYS if now in WAYS else (*WAYS, now)
    names = {id: t(f"walk.way.{id}") if id in WAYS else f"{id} · {recipes()[id].source.date}" for id in options}
    state.walk_way = now
    st.selectbox(t("walk.way"), options, key="walk_way", format_func=names.__getitem__, on_change=_take_way, help=t("walk.way.help"))


def _take_way() -> None:
    st.session_state.recipe = st.session_state.walk_way
    st.session_state.pop("walk_part", None)


def open_in_inspect() -> None:
    if st.button(t("walk.inspect"), icon=":material/frame_inspect:", key="walk_inspect", width="stretch"):
        st.switch_page("pages/inspect.py")


def take_the_walk(conversation: Conversation, max_length: MaxLength) -> list[Step]:
    """The steps; none, with the reason on the page, if the script refuses the conversation."""
    messages, part = conversation.messages, st.session_state.get("walk_part") or 0
    try:
        found = walk(messages, recipe().id, max_length, part=part - 1)
    except RecipeRejects as error:
        st.error(f"**{t('rejected')}** {plain(error.sentence(language()))}", icon=":material/block:")
        mended = openai_tools(messages)
        if mended == messages:
            return []
        try:
            found = walk(mended, recipe().id, max_length, part=part - 1)
        except Glm4vizError:
            return []
        st.info(t("rejected.tools"), icon=":material/build:")
    except Glm4vizError as error:
        st.error(plain(error.sentence(language())), icon=":material/error:")
        return []
    if found[0].parts > 1:
        parts = range(1, found[0].parts + 1)
        st.session_state.walk_part = found[0].part + 1
        names = {number: t("walk.part", number=number) for number in parts}
        st.segmented_control(t("part_sample", count=len(parts)), parts, key="walk_part", format_func=names.__getitem__, required=True)
    return found


def choose_step(steps: Sequence[Step]) -> Step:
    """Previous, the list of steps, next; how far one has come."""
    state, count = st.session_state, len(steps)
    now = min(max(int(state.get("step") or 1), 1), count)
    state.step = now
    names = {number: f"{number} · {title(step)}" for number, step in enumerate(steps, 1)}
    with st.container(horizontal=True, vertical_alignment="bottom", key="walk_nav"):
        _turn("previous", count, "top")
        st.selectbox(
            t("walk.step"), names, key="step", format_func=names.__getitem__, persist_state="session", label_visibility="collapsed"
        )
        _turn("next", count, "top")
    st.progress(now / count, t("walk.progress", step=now, count=count))
    return steps[now - 1]


def turn_pages(steps: Sequence[Step], where: str) -> None:
    """The same buttons below a long step; a click on them brings the beginning of the next one into view."""
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        _turn("previous", len(steps), where)
        _turn("next", len(steps), where)
    draw({"scene": "scroll", "key": str(st.session_state.step), "start": "walk_nav"}, key="walk_scroll")


def _turn(way: str, count: int, where: str) -> None:
    forward, here = way == "next", st.session_state.step
    st.button(
        t(f"walk.{way}"),
        icon=":material/arrow_forward:" if forward else ":material/arrow_back:",
        icon_position="right" if forward else "left",
        key=f"walk_{way}_{where}",
        type="primary" if forward else "secondary",
        on_click=_go,
        args=(here + (1 if forward else -1),),
        disabled=here == (count if forward else 1),
    )


def _go(step: int) -> None:
    st.session_state.step = step


# One step -------------------------------------------------------------------------------------------------------------


def show_step(step: Step, max_length: MaxLength) -> None:
    st.markdown(f"#### {title(step)}")
    st.markdown(words(step))
    # The board has one place at every step: a board that moved among its neighbours would be drawn anew, beside its old self.
    above, place, below = st.container(), st.container(), st.container()
    with above:
        if step.kind == "message" and step.message >= 0:
            _show_message(step)
        if step.kind == "start":
            _show_conversation(step)
        if step.kind == "labels":
            st.info(rule(step), icon=":material/gavel:")
    with place:
        board = _board(step, max_length)
        if board:
            draw(board, key="walk_board")
    with below:
        _show_more(step)


def _board(step: Step, max_length: MaxLength) -> Board | None:
    match step.kind:
        case "padding":
            return padding_board(step, padded(step, _neighbour(step), max_length))
        case "inside":
            return pairs_board(step)
        case "entropy":
            found = numbers(step.sample)
            return pairs_board(step, found.losses if found else None, numbers=True)
        case "ways":
            with st.spinner(t("walk.counting")):
                found_ways = ways(step.sample.messages, max_length)
            return ways_board(found_ways, step.sample.recipe.id)
    return step_board(step)


def _show_more(step: Step) -> None:
    match step.kind:
        case "shift":
            st.markdown(boundary_words(step))
            why = why_the_tag(step)
            if why:
                st.info(why, icon=":material/lightbulb:")
        case "append":
            st.warning(t("walk.why_no_stop"), icon=":material/lightbulb:")
        case "entropy":
            st.caption(t("walk.model"))
        case "mean":
            found = numbers(step.sample)
            if found:
                _show_mean(step, found)
            st.caption(t("walk.model"))
        case "ways":
            st.info(t("walk.answer"), icon=":material/school:")


def _show_message(step: Step) -> None:
    given, written = st.columns(2)
    given.caption(t("walk.given"))
    given.code(shown_json(step.sample.messages[step.message]), language="json", wrap_lines=True)
    written.caption(t("walk.rendered"))
    written.code(shown_text(step.rendered) or t("walk.nothing"), language=None, wrap_lines=True)


def _show_conversation(step: Step) -> None:
    messages = step.sample.messages
    for message in messages[:MESSAGES_SHOWN]:
        role = str(message["role"])
        with st.chat_message("assistant" if role == "assistant" else "user", avatar=_AVATARS.get(role)):
            st.caption(t(f"role.{role}"))
            st.text(shown_text(message["content"] or ""))
    if messages[MESSAGES_SHOWN:]:
        st.caption(t("walk.more_messages", count=len(messages) - MESSAGES_SHOWN))


_AVATARS = {
    "system": ":material/settings:",
    "user": ":material/person:",
    "assistant": ":material/smart_toy:",
    "observation": ":material/build:",
}


def _neighbour(step: Step) -> LabelledSample:
    """A second, short conversation for the toy batch."""
    messages = [{"role": "user", "content": t("walk.padding.hello")}, {"role": "assistant", "content": t("walk.padding.reply")}]
    return label_all(messages, step.sample.recipe)[0]


def _show_mean(step: Step, found: Numbers) -> None:
    total = float(found.losses.sum())
    columns = st.columns(3)
    figures: list[tuple[str, Any]] = [
        (t("walk.mean.sum"), f"{total:.3f}"),
        (t("walk.mean.count"), f"{found.trained}"),
        (t("walk.mean.mean"), f"{found.mean:.3f}"),
    ]
    for column, (name, value) in zip(columns, figures, strict=True):
        column.metric(name, value, border=True)
    terms = [float(loss) for loss, label in zip(found.losses, step.sample.labels[1:], strict=True) if label >= 0]
    shown = " + ".join(f"{loss:.3f}" for loss in terms[:8])
    shown += f" + … ({t('walk.more', count=len(terms) - 8)})" if terms[8:] else ""
    st.code(f"({shown or '0'}) / {found.trained} = {found.mean:.3f}", language=None, wrap_lines=True)
    st.markdown(t("walk.mean.everything", mean=f"{found.mean:.3f}", everything=f"{found.everything:.3f}", tokens=len(step.sample) - 1))
