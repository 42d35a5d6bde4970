"""The walk's short conversation: two turns in English."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TWO_TURNS: list[dict[str, Any]] = json.loads((ROOT / "sample_data" / "15-two-turns-en.json").read_text("utf-8"))["messages"]
