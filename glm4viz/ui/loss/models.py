"""Models for the Loss page: which ones the server's owner allows, one in memory at a time, one computation at a time."""

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from glm4viz.loss.served.address import entries as served_entries
from glm4viz.loss.served.address import is_address

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel

DEMOS = ("demo", "demo-no-stop")
VARIABLE = "GLM4VIZ_MODELS"


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that may be loaded: a source, and perhaps a LoRA adapter on top of it."""

    source: str
    adapter: str | None = None

    @property
    def name(self) -> str:
        return self.source if self.adapter is None else f"{self.source} + {self.adapter}"

    @property
    def short(self) -> str:
        """The last parts of both names."""
        return " + ".join(name.rstrip("/").rpartition("/")[2] for name in (self.source, self.adapter) if name is not None)

    @property
    def on_server(self) -> bool:
        return is_address(self.source)


def choices() -> dict[str, Choice]:
    """The demo models, and what the owner lists: in GLM4VIZ_MODELS sources apart by commas, `source+adapter` for a LoRA on top, in
    GLM4VIZ_SERVERS addresses of servers likewise."""
    found = [Choice(name) for name in DEMOS]
    for entry in os.environ.get(VARIABLE, "").split(","):
        source, _, adapter = entry.strip().partition("+")
        if source and not is_address(source):
            found.append(Choice(source, adapter or None))
    found += [Choice(source, adapter) for source, adapter in served_entries() if is_address(source)]
    return {choice.name: choice for choice in found}


# One at a time --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Turnstile:
    """Lets one visitor compute at a time, in the order in which they came."""

    queue: list[object] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def turn(self, waiting: Callable[[int], None]) -> Iterator[None]:
        """Wait for one's turn, telling `waiting` how many are ahead; whoever leaves early gives the place up."""
        ticket = object()
        with self.guard:
            self.queue.append(ticket)
        try:
            while ahead := self._ahead(ticket):
                waiting(ahead)
                time.sleep(0.2)
            yield
        finally:
            with self.guard:
                self.queue.remove(ticket)

    def _ahead(self, ticket: object) -> int:
        with self.guard:
            return self.queue.index(ticket)


class Waiting:
    """Shows how many are ahead. A change on the page ends the wait: Streamlit stops the script at the next thing it shows."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, st.empty()

    def __call__(self, ahead: int) -> None:
        self.place.info(self.text.format(ahead=ahead), icon=":material/hourglass_top:")

    def done(self) -> None:
        self.place.empty()


@st.cache_resource
def turnstile() -> Turnstile:
    """The server's only one."""
    return Turnstile()


@st.cache_resource(max_entries=1, show_spinner=False)
def demo(name: str) -> "AnyModel":
    """A demo model; its twin takes its place, so that neither pushes out a large one."""
    from glm4viz.loss import load_model

    return load_model(name)


@st.cache_resource(max_entries=1, show_spinner=False)
def _large(source: str, adapter: str | None) -> "AnyModel":
    from glm4viz.loss import load_model

    return load_model(source, adapter=adapter)


def load(choice: Choice) -> "AnyModel":
    """The model, from memory if it is the last one used; a server is asked anew, for it may serve another by now. Raises ModelError."""
    if choice.on_server:
        from glm4viz.loss import load_model

        return load_model(choice.source, adapter=choice.adapter)
    return demo(choice.source) if choice.source in DEMOS else _large(choice.source, choice.adapter)


def unload() -> None:
    """Give the memory of the large model back."""
    _large.clear()
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
