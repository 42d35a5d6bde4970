"""What all drivers share: requests come as JSON lines, and each is answered with ids and labels, or with the error that was raised.

Arguments of a driver: the directory of the tokenizers, and the file for its answers; requests come on stdin. A request is {"recipe",
"messages", "tools"}. Labels stand at their tokens, -100 where there is no loss. Runs in a peer's environment.
"""

import json
import sys
from collections.abc import Callable
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

IGNORE = -100
Rows = tuple[list[int], list[int]]
Make = Callable[[list[dict[str, Any]], list[dict[str, Any]] | None], Rows]


class Dropped(Exception):
    """The peer leaves this conversation out without raising."""


def serve(prepare: Callable[[str], Make]) -> None:
    """Answer all requests. `prepare` gives, for a recipe, what makes a row of messages and tools."""
    prepared = cache(prepare)
    with Path(sys.argv[2]).open("w", encoding="utf-8") as answers:  # not stdout: peers print there
        for line in sys.stdin.buffer:
            request = json.loads(line)
            make = prepared(request["recipe"])
            try:
                ids, labels = make(request["messages"], request["tools"])
                answer: dict[str, Any] = {"ids": [int(i) for i in ids], "labels": [int(i) for i in labels]}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
            answers.write(json.dumps(answer) + "\n")


def tokenizer(recipe: str) -> Any:
    """The tokenizer of GLM-4.5, with the official chat template that `recipe` is for."""
    from transformers import PreTrainedTokenizerFast

    directory = Path(sys.argv[1]) / ("glm-4.7" if "glm4.7" in recipe else "glm-4.5")
    return PreTrainedTokenizerFast.from_pretrained(directory)


def masked(ids: list[int], mask: list[int]) -> Rows:
    """Labels of a mask."""
    return ids, [i if trained else IGNORE for i, trained in zip(ids, mask, strict=True)]


def stand_in(name: str, **names: Any) -> None:
    """Put a module with only `names` in the place of one that a peer imports but doesn't need here."""
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    vars(module).update(names)
    sys.modules[name] = module
