"""The app's own texts, en.json and zh.json: the same keys, the same placeholders. Rules and errors keep theirs beside their code."""

import json
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")


@cache
def texts(language: str) -> dict[str, str]:
    """Every text of one language by its key."""
    found: dict[str, str] = json.loads(Path(__file__).with_name(f"{language}.json").read_text("utf-8"))
    return found
