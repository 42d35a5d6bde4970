"""A model directory's own chat template, rendered in a sandbox as transformers renders it."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from glm4viz.conversation import Message
from glm4viz.errors import TokenizerError


def compile_template(text: str) -> Callable[[Sequence[Message], Sequence[Any] | None], str]:
    """A function of messages and tools that gives the prompt. Raises TokenizerError for a template that can't be compiled."""
    from jinja2 import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _generation_tag()])
    environment.filters["tojson"] = _to_json
    environment.globals |= {"raise_exception": _raise, "strftime_now": lambda form: datetime.now().strftime(form)}
    try:
        template = environment.from_string(text)
    except TemplateError as error:
        raise TokenizerError(f"The chat template can't be compiled: {error}", f"聊天模板无法编译：{error}") from None

    def render(messages: Sequence[Message], tools: Sequence[Any] | None) -> str:
        given = [{key: value for key, value in message.items() if value is not None} for message in messages]
        return template.render(messages=given, tools=list(tools) if tools else None, add_generation_prompt=True)

    return render


def _generation_tag() -> type:
    """{% generation %} … {% endgeneration %}, which marks what is trained: in a prompt it changes nothing."""
    from jinja2.ext import Extension
    from jinja2.nodes import Node
    from jinja2.parser import Parser

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012  jinja2 declares it so

        def parse(self, parser: Parser) -> list[Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    return Generation


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, sort_keys: bool = False, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, sort_keys=sort_keys, default=_plain)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _raise(message: str) -> None:
    from jinja2 import TemplateError

    raise TemplateError(message)
