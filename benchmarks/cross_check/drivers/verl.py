"""verl: its MultiTurnSFTDataset on one row at a time.

The package's own __init__ files start Ray and more; the dataset's module is imported without them.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas
import torch

from benchmarks.cross_check.drivers.serving import Make, Rows, masked, serve, stand_in, tokenizer

found = find_spec("verl")
assert found is not None
assert found.origin is not None
ROOT = Path(found.origin).parent
for package in ("", "utils", "utils.dataset", "models", "models.transformers"):
    name = f"verl.{package}".rstrip(".")
    stand_in(name)
    sys.modules[name].__path__ = [str(ROOT.joinpath(*package.split(".")))]
# For images, files far away, and nested tensors: none of them is needed for a row of text.
stand_in("verl.models.transformers.qwen2_vl", get_rope_index=None)
stand_in("verl.utils.dataset.vision_utils", process_image=None, process_video=None)
stand_in("verl.utils.fs", copy_local_path_from_hdfs=lambda path, **_: path)
stand_in("verl.utils.metric", Metric=object)
stand_in("verl.utils.dataset.dataset_utils", DatasetPadMode=SimpleNamespace(RIGHT="right", NO_PADDING="no_padding"))
sys.modules["verl.utils"].hf_tokenizer = None  # type: ignore[attr-defined]

from verl.utils.dataset import multiturn_sft_dataset  # noqa: E402


def prepare(recipe: str) -> Make:
    loaded = tokenizer(recipe)
    config = {"pad_mode": "no_padding", "max_length": 1 << 20, "ignore_input_ids_mismatch": recipe.endswith("ignore-mismatch")}

    def make(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> Rows:
        row = pandas.DataFrame({"messages": [messages], **({} if tools is None else {"tools": [tools]})})
        # In the place of a Parquet file, which would add null keys to messages and merge the arguments of all calls.
        multiturn_sft_dataset.pd = SimpleNamespace(read_parquet=lambda *_, **__: row, concat=pandas.concat)
        sample = multiturn_sft_dataset.MultiTurnSFTDataset(["given"], loaded, config)[0]
        ids, mask = (sample[key].reshape(-1).to(torch.int64).tolist() for key in ("input_ids", "loss_mask"))
        return masked(ids, mask)

    return make


if __name__ == "__main__":
    serve(prepare)
