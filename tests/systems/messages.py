"""What the systems' tests share: messages, and a sample's text."""

from typing import Any

import numpy as np

import glm4viz

Messages = list[dict[str, Any]]


SYSTEM, QUESTION, ANSWER = ({"role": role, "content": text} for role, text in (("system", "Be kind."), ("user", "?"), ("assistant", "ok")))
CALL = {"role": "assistant", "content": '{"city": "苏州"}', "metadata": "weather"}
RESULT = {"role": "observation", "content": "48"}


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def assistant(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def system(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "system", "content": content, **more}


def observation(content: Any) -> dict[str, Any]:
    return {"role": "observation", "content": content}


def trained_text(s: glm4viz.LabelledSample) -> str:
    """The trained tokens' text, with ‖ where masked ones lie between."""
    runs = np.split(np.arange(len(s)), np.flatnonzero(np.diff(s.trained)) + 1)
    return "‖".join(b"".join(s.token_bytes[i] for i in run).decode() for run in runs if s.trained[run[0]])


def rendered(sample: glm4viz.LabelledSample) -> str:
    return b"".join(sample.token_bytes).decode()


def trained(sample: glm4viz.LabelledSample) -> list[str]:
    """The trained tokens' texts."""
    return [sample.token_bytes[i].decode(errors="replace") for i in np.flatnonzero(sample.trained)]
