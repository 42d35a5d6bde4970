"""The app's own texts, a folder a language and a file a page: the same files, keys and placeholders in each.

Rules, recipes and errors keep their texts beside their code.
"""

import json
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")


@cache
def texts(language: str) -> dict[str, str]:
    """Every text of one language by its key."""
    files = sorted((Path(__file__).parent / language).glob("*.json"))
    return {key: text for path in files for key, text in json.loads(path.read_text("utf-8")).items()}
