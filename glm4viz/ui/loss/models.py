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
from glm4viz.ui.i18n import t

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel, Loading, LossModel

DEMOS = ("demo", "demo-no-stop")
VARIABLE = "GLM4VIZ_MODELS"
BITS = ("8bit", "4bit")


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


def model_names() -> Callable[[str], str]:
    """What choices are called in a list, in the language of this run: the list may ask later."""
    names = {name: t(f"loss.model.{name}") for name in DEMOS}
    return lambda name: names.get(name, name)


# One at a time --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Turnstile:
    """Lets one visitor compute at a time, in the order in which they came."""

    queue: list[object] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def turn(self, waiting: Callable[[int], None]) -> Iterator[None]:
        """Wait for one's turn, telling `waiting` how many are ahead; whoever leaves early, by what `waiting` raises, gives the place up."""
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


@st.cache_resource
def turnstile() -> Turnstile:
    """The server's only one."""
    return Turnstile()


@st.cache_resource(max_entries=1, show_spinner=False)
def demo(name: str) -> "AnyModel":
    """A demo model; its twin takes its place, so that neither pushes out a large one."""
    from glm4viz.loss import load_model

    return load_model(name)


@dataclass(slots=True)
class Shelf:
    """The one large model in memory, and what it is: its choice and how it was loaded."""

    of: tuple[Choice, str] | None = None
    model: "LossModel | None" = None

    @property
    def bytes(self) -> int:
        """About what would be free without it."""
        return 0 if self.model is None else self.model.parameters * self.model.dtype.itemsize


@st.cache_resource
def shelf() -> Shelf:
    """The server's only one; it changes hands inside a turn."""
    return Shelf()


def load(choice: Choice, load_as: str, progress: "Callable[[Loading], None]") -> "AnyModel":
    """The model, from memory if it is the last one used; a server is asked anew, for it may serve another by now. Raises ModelError.

    load_as: auto, a dtype, 8bit or 4bit; only of large models.
    """
    from glm4viz.loss import load_model

    if choice.on_server:
        return load_model(choice.source, adapter=choice.adapter)
    if choice.source in DEMOS:
        return demo(choice.source)
    held = shelf()
    if held.of != (choice, load_as) or held.model is None:
        from glm4viz.loss.model import in_memory

        unload()  # before the next is loaded: there may not be room for both
        dtype, quantize = ("auto", load_as) if load_as in BITS else (load_as, None)
        held.model = in_memory(load_model(choice.source, adapter=choice.adapter, dtype=dtype, quantize=quantize, progress=progress))
        held.of = choice, load_as
    return held.model


def unload() -> None:
    """Give the memory of the large model back."""
    shelf().of = shelf().model = None
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
