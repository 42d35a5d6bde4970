"""The sample files and their titles."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from glm4viz.locales import texts

FOLDER = Path(__file__).parents[2] / "sample_data"
SAMPLES = tuple(sorted(path.name for path in FOLDER.glob("*.json*")))
FIRST = {"zh": "03-multi-turn-zh.json", "en": "04-system-multi-turn-en.json"}


def sample_bytes(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def title(name: str, language: str) -> str:
    """What the sample is called; a file of many records has its title among the app's texts."""
    stem = name.split(".", 1)[0]
    found: str = _described(name).get("title", {}).get(language) or texts(language).get(f"sample.{stem}", stem)
    return found


def about(name: str, language: str) -> str:
    """One sentence on what can be seen in it, or ""."""
    found: str = _described(name).get("about", {}).get(language, "")
    return found


@cache
def _described(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sample_bytes(name)) if name.endswith(".json") else {}
    return found
