"""Messages and roles, found in a row of ids by the tokenizer's own role tags."""

from typing import Any

import numpy as np

from glm4viz.layout import PART_CODES
from glm4viz.systems.captured import CAPTURED
from glm4viz.texts import both
from glm4viz.tokenizer import Ids, Tokenizer


def found_in(tokenizer: Tokenizer, ids: Ids, labels: Ids, positions: Ids) -> dict[str, Any]:
    """All that a CapturedSample holds but its place in the batch."""
    nowhere = np.full(len(ids), -1, np.int32)
    return {
        "recipe": CAPTURED,
        "tokenizer": tokenizer,
        "messages": (),
        "input_ids": ids,
        "labels": labels,
        "message_index": nowhere,
        "owner": nowhere.copy(),
        "part_codes": np.full(len(ids), PART_CODES["content"], np.uint8),
        "spans": np.full((len(ids), 2), -1, np.int32),
        "pieces": np.arange(len(ids), dtype=np.int32),
        "full_sizes": np.array([len(ids)], np.int32),
        "positions": positions,
        "notes": (both("No role tags are looked for yet.", "尚未识别角色标签。"),),
    }
