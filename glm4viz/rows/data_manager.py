"""What GLM-4's DataManager does with the columns of a file, shown with the real `datasets` library.

`get_dataset` is `datasets.map(process_batch, batched=True, remove_columns=...)`. Before that the file becomes an Arrow table, in which all
messages have the same keys: a key that one message lacks is filled in as null. The training script then meets nulls nobody wrote.
"""

import importlib
import importlib.util
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from glm4viz.errors import ConversationError, Glm4vizError
from glm4viz.labelling.single import label
from glm4viz.layout import Message
from glm4viz.recipe import LabelledSample, Recipe
from glm4viz.systems.registry import DEFAULT, get_recipe

Loader = Literal["from_list", "json"]
Conversations = Sequence[Sequence[Message]]

# A plain question and answer, and one with tools: their messages differ in keys, and the two tools differ in parameters.
EXAMPLE: tuple[list[dict[str, Any]], ...] = (
    [{"role": "user", "content": "你们几点开门？"}, {"role": "assistant", "content": "上午十点。"}],
    [
        {
            "role": "system",
            "content": "",
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "find_book",
                        "description": "查库存",
                        "parameters": {"type": "object", "properties": {"title": {"type": "string"}}},
                    },
                },
                {
                    "type": "function",
                    "function": {
                        "name": "opening_hours",
                        "description": "营业时间",
                        "parameters": {"type": "object", "properties": {"day": {"type": "string"}}},
                    },
                },
            ],
        },
        {"role": "user", "content": "有《红楼梦》吗？"},
        {"role": "assistant", "metadata": "find_book", "content": '{"title": "红楼梦"}'},
        {"role": "observation", "content": '{"stock": 3}'},
        {"role": "assistant", "content": "有，还有三本。"},
    ],
)


@dataclass(frozen=True)
class Mapped:
    """version: of `datasets`. given: the conversations as written. loaded: as `datasets` hands them to the script.

    filled: the paths of the nulls that it filled in, such as `[0].messages[1].metadata`.
    columns, features: before map; mapped_columns: after it, () if it stopped. batches: how many conversations each call was given.
    samples: what the recipe makes of each, or the error that stops the script there.
    """

    version: str
    given: Conversations
    loaded: Conversations
    filled: tuple[str, ...]
    columns: tuple[str, ...]
    features: str
    mapped_columns: tuple[str, ...]
    batches: tuple[int, ...]
    samples: tuple[LabelledSample | Glm4vizError, ...]


def is_installed() -> bool:
    """Is there a `datasets` library to show it with?"""
    return importlib.util.find_spec("datasets") is not None


def map_columns(conversations: Conversations = EXAMPLE, recipe: str | Recipe = DEFAULT, loader: Loader = "from_list") -> Mapped:
    """Load the conversations with `datasets` and map them as DataManager does.

    loader: "from_list" is Dataset.from_list; "json" writes a JSONL file and reads it with load_dataset("json"), as the script does (recent
    versions keep absent keys absent there). Raises ConversationError if `datasets` can't hold them, ImportError without it.
    """
    datasets = importlib.import_module("datasets")
    found, given = get_recipe(recipe), [[dict(message) for message in messages] for messages in conversations]
    try:
        dataset = _load(datasets, given, loader)
    except (ValueError, TypeError, NotImplementedError, KeyError, datasets.exceptions.DatasetGenerationError) as error:
        raise ConversationError(
            f"datasets can't put these conversations into one table ({type(error).__name__}): a field has two kinds of value.",
            f"datasets 无法把这些对话放进同一张表（{type(error).__name__}）：同一个字段里有两种类型的值。",
        ) from None
    batches: list[Conversations] = []

    def process_batch(batch: dict[str, Any]) -> dict[str, Any]:
        batches.append(batch["messages"])
        samples = [label(messages, found) for messages in batch["messages"]]
        return {"input_ids": [s.input_ids.tolist() for s in samples], "labels": [s.labels.tolist() for s in samples]}

    columns, mapped_columns = dataset.column_names, []
    with _quiet(datasets):
        try:
            options = {"keep_in_memory": True, "load_from_cache_file": False, "new_fingerprint": "glm4viz"}
            mapped_columns = dataset.map(process_batch, batched=True, remove_columns=columns, **options).column_names
        except Glm4vizError:
            pass  # seen again below, row by row
    loaded = [messages for batch in batches for messages in batch]
    return Mapped(
        version=datasets.__version__,
        given=given,
        loaded=loaded,
        filled=tuple(path for i, pair in enumerate(zip(given, loaded, strict=True)) for path in _filled(*pair, f"[{i}].messages")),
        columns=tuple(columns),
        features=str(dataset.features),
        mapped_columns=tuple(mapped_columns),
        batches=tuple(map(len, batches)),
        samples=tuple(_label(messages, found) for messages in loaded),
    )


def _load(datasets: Any, given: Conversations, loader: Loader) -> Any:
    rows = [{"messages": messages} for messages in given]
    if loader == "from_list":
        return datasets.Dataset.from_list(rows)
    with TemporaryDirectory() as folder, _quiet(datasets):
        file = Path(folder) / "train.jsonl"
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        return datasets.load_dataset("json", data_files=str(file), split="train", cache_dir=folder, keep_in_memory=True)


class _quiet:
    """No progress bars for two rows."""

    def __init__(self, datasets: Any) -> None:
        self.datasets, self.was_on = datasets, not datasets.are_progress_bars_disabled()

    def __enter__(self) -> None:
        self.datasets.disable_progress_bars()

    def __exit__(self, *_: object) -> None:
        if self.was_on:
            self.datasets.enable_progress_bars()


def _label(messages: Sequence[Message], recipe: Recipe) -> LabelledSample | Glm4vizError:
    try:
        return label(messages, recipe)
    except Glm4vizError as error:
        return error


def _filled(given: Any, loaded: Any, path: str) -> Iterator[str]:
    """The paths of what is in `loaded` though nobody gave it."""
    if isinstance(loaded, dict) and isinstance(given, dict):
        for key, value in loaded.items():
            if key in given:
                yield from _filled(given[key], value, f"{path}.{key}")
            elif value is None:
                yield f"{path}.{key}"
    elif isinstance(loaded, list) and isinstance(given, list):
        for i, pair in enumerate(zip(given, loaded, strict=False)):
            yield from _filled(*pair, f"{path}[{i}]")
