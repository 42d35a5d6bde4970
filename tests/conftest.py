"""What several tests share."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import glm4viz

# Examples are counted, not timed: a slow machine is no failure. CI tries the same ones each time.
settings.register_profile("glm4viz", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("glm4viz")

GOLDEN = Path(__file__).parent / "golden"
CONVERSATIONS: dict[str, list[dict[str, Any]]] = json.loads((GOLDEN / "conversations.json").read_text("utf-8"))
ROWS = [json.loads(line) for line in (GOLDEN / "rows.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="session")
def tok() -> glm4viz.Tokenizer:
    return glm4viz.load_tokenizer()
