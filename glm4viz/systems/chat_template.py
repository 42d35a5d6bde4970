"""A tokenizer's own chat template, rendered in a sandbox exactly as transformers 5.23 does (utils/chat_template_utils.py).

Its own code, so that a template needs jinja2 and no transformers, and so that what is shown doesn't change with the version installed.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from glm4viz.conversation import Message
from glm4viz.errors import TokenizerError

TRACKER = "_glm4viz_blocks"  # where a render keeps what it wrote so far, so that threads share a compiled template
REASONING = ("reasoning_content", "thinking", "reasoning")


class Rendered(NamedTuple):
    """The text, and the characters (start, stop) of every {% generation %} block in it, as transformers counts them."""

    text: str
    blocks: tuple[tuple[int, int], ...]


def render(
    template: str,
    messages: Sequence[Message],
    tools: Sequence[Any] | None = None,
    *,
    prompt: bool = False,
    variables: Mapping[str, Any] | None = None,
) -> Rendered:
    """What apply_chat_template writes. prompt: add_generation_prompt; variables: bos_token and the like.

    Raises TokenizerError for a template that can't be compiled, and whatever the template does to these messages.
    """
    written: list[str] = []
    blocks: list[tuple[int, int]] = []
    for part in compiled(template).generate(
        **{**(variables or {}), TRACKER: (written, blocks)},
        messages=[_with_reasoning(_plain(_without_nulls(message))) for message in messages],
        tools=None if tools is None else [_plain(_tool(tool)) for tool in tools],
        documents=None,
        add_generation_prompt=prompt,
    ):
        written.append(part)
    return Rendered("".join(written), tuple(blocks))


def _without_nulls(message: Message) -> dict[str, Any]:
    return {key: value for key, value in message.items() if value is not None}


def _with_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    reasoning = next((message[key] for key in REASONING if message.get(key) is not None), None)
    return message if reasoning is None else {"thinking": reasoning, **message, "reasoning_content": reasoning}


def _tool(tool: Any) -> Any:
    if not isinstance(tool, dict):
        raise ValueError("Tools should be JSON schemas")
    return tool


def _plain(value: Any) -> Any:
    """Plain JSON types; anything else becomes a word that names its type."""
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else list(map(_plain, value))
    if isinstance(value, np.generic):
        return _plain(value.item())
    for kind in (str, bool, int, float):
        if isinstance(value, kind):
            return value if type(value) is kind else kind(value)
    if value is None:
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return _plain(value.model_dump()) if callable(getattr(value, "model_dump", None)) else f"<{type(value).__name__}>"


# The sandbox ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def compiled(text: str) -> Any:
    """The template for jinja2's `generate`. Raises TokenizerError."""
    try:
        from jinja2 import TemplateError
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        raise TokenizerError("A chat template needs jinja2: pip install jinja2.", "聊天模板需要 jinja2：pip install jinja2。") from None

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_generation_tag(), loopcontrols])
    environment.filters["tojson"] = _to_json
    environment.globals |= {"raise_exception": _raise, "strftime_now": _now, "dict": _Dict(), "namespace": _namespace()}
    try:
        return environment.from_string(text)
    except TemplateError as error:
        raise TokenizerError(f"The chat template can't be compiled: {error}", f"聊天模板无法编译：{error}") from None


def _generation_tag() -> type:
    """{% generation %} … {% endgeneration %}, which marks what is trained."""
    from jinja2 import pass_context
    from jinja2.ext import Extension
    from jinja2.nodes import CallBlock, Node
    from jinja2.parser import Parser
    from jinja2.runtime import Context, Macro

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012  jinja2 declares it so

        def parse(self, parser: Parser) -> Node:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return CallBlock(self.call_method("_track"), [], [], body).set_lineno(line)

        @pass_context
        def _track(self, context: Context, caller: Macro) -> str:
            inside: str = caller()
            written, blocks = context[TRACKER]
            start = len("".join(written))
            blocks.append((start, start + len(inside)))
            return inside

    return Generation


def _namespace() -> type:
    from jinja2.exceptions import SecurityError
    from jinja2.utils import Namespace

    class Guarded(Namespace):
        """A namespace without names that begin with an underscore."""

        def __init__(*given: Any, **more: Any) -> None:
            self, *rest = given
            attributes = dict(*rest, **more)
            _public(attributes)
            Namespace.__init__(self, attributes)

        def __setitem__(self, name: str, value: Any) -> None:
            _public([name])
            Namespace.__setitem__(self, name, value)

    def _public(names: Iterable[Any]) -> None:
        for name in names:
            if isinstance(name, str) and name.startswith("_"):
                raise SecurityError(f"Chat templates cannot store underscore-prefixed attributes on a namespace, but got {name!r}.")

    return Guarded


class _Dict:
    """`dict` without what a sandbox must not give away."""

    def __call__(self, *given: Any, **more: Any) -> dict[Any, Any]:
        return dict(*given, **more)

    def fromkeys(self, *given: Any) -> dict[Any, Any]:
        return dict.fromkeys(*given)


def _to_json(value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _now(form: str) -> str:
    return datetime.now().strftime(form)


def _raise(message: str) -> None:
    from jinja2 import TemplateError

    raise TemplateError(message)
