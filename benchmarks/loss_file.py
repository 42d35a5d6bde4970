"""Losses of a file's records by length, side by side, against one at a time; the demo model on this machine's CPU.

    python -m benchmarks.loss_file [--records 120] [--runs 3] [FILE]

Line to reach: 2 times one at a time, and no number further off than 1e-4. Without a file, conversations of a fine-tune's usual lengths are
made up of the samples' own texts. Both ways ask for the same outputs (top_k 0, as over a file), in turns, so that a busy machine slows
both; of each way the quickest run counts.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES = Path(__file__).parents[1] / "sample_data" / "13-dataset-small.jsonl"


def made_up(records: int) -> list[dict[str, Any]]:
    """Conversations of one to three turns, whose answers are of one to four of the samples' answers."""
    from glm4viz import Conversation, read_conversations

    known = [record.messages for record in read_conversations(SAMPLES) if isinstance(record, Conversation)]
    asked, told = ([m["content"] for messages in known for m in messages if m["role"] == role] for role in ("user", "assistant"))
    dice, made = random.Random(0), []
    for _ in range(records):
        turns = [(dice.choice(asked), " ".join(dice.choices(told, k=dice.randint(1, 4)))) for _ in range(dice.randint(1, 3))]
        pairs = [({"role": "user", "content": question}, {"role": "assistant", "content": answer}) for question, answer in turns]
        made.append({"messages": [message for pair in pairs for message in pair]})
    return made


def compare(path: Path, runs: int) -> None:
    from glm4viz import Conversation, label_all, load_model, read_conversations, token_losses
    from glm4viz.loss import TokenLosses, file_losses

    model = load_model("demo", device="cpu")

    def alone() -> list[TokenLosses]:
        records = (record for record in read_conversations(path) if isinstance(record, Conversation))
        return [token_losses(model, sample, 0) for record in records for sample in label_all(record)]

    def together() -> list[TokenLosses]:
        return [losses for record in file_losses(model, path) for losses in record.losses]

    one, many = alone(), together()  # warm, and to be compared
    lengths = [len(losses) for losses in one]
    off = max(float(np.nanmax(np.abs(a.nll - b.nll))) for a, b in zip(one, many, strict=True))
    taken: dict[str, list[tuple[float, float]]] = {"alone": [], "together": []}
    ways: dict[str, Callable[[], object]] = {"alone": alone, "together": together}
    for _ in range(runs):
        for name, way in ways.items():
            start = time.perf_counter(), time.process_time()
            way()
            taken[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    best = {name: tuple(map(min, zip(*times, strict=True))) for name, times in taken.items()}
    print(f"{len(lengths)} samples, {sum(lengths):,} tokens, {min(lengths)} to {max(lengths)} each; largest difference {off:.1e}")
    for name, (seconds, cpu) in best.items():
        print(f"{name:9} {seconds:7.2f} s, {cpu:7.2f} s of the processors, {sum(lengths) / seconds:8,.0f} tokens/s")
    ratios = [one / many for one, many in zip(best["alone"], best["together"], strict=True)]
    print(f"together is {ratios[0]:.2f} times as fast (line 2), with {1 / ratios[1]:.2f} times the work of the processors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--records", type=int, default=120)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    if given.file is not None:
        compare(given.file, given.runs)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made-up.jsonl"
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in made_up(given.records)), "utf-8")
        compare(path, given.runs)


if __name__ == "__main__":
    main()
