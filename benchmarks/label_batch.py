"""label_batch against GLM-4's own per-message loop over a fast Hugging Face tokenizer, and against the bare encoder.

    python -m benchmarks.label_batch

Lines to reach: 25 times the loop, 0.7 times the bare encoder. Ids and labels of all are compared before anything is timed.
"""

import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import glm4viz
from benchmarks.hf_tokenizer import hf_tokenizer
from glm4viz.tokenizer import GLM4_SPECIALS

TOKENS = 1_400_000
LOOP_TOKENS = 100_000  # the loop takes a share of the rows: all of them would take minutes
Conversations = list[list[dict[str, str]]]


def sentences() -> list[str]:
    """Sentences of the sample conversations."""
    folder = Path(__file__).parent.parent / "sample_data"
    contents = [m["content"] for path in sorted(folder.glob("*.json")) for m in json.loads(path.read_text("utf-8"))["messages"]]
    parts = (part for content in contents for part in content.replace("。", "。\0").replace(". ", ". \0").split("\0"))
    # A fast Hugging Face tokenizer makes special tokens out of text, which the script of that commit didn't.
    return [part for part in parts if part and not any(name in part for name in GLM4_SPECIALS)]


def conversations(seed: int = 0) -> Conversations:
    """Conversations of two to eight messages; every sentence gets a number of its own, so that none is quite like another."""
    rng, parts, made, tokens, tok = random.Random(seed), sentences(), [], 0, glm4viz.load_tokenizer()
    while tokens < TOKENS:
        roles = ("user", "assistant") * rng.randint(1, 4)
        made.append(
            [
                {"role": role, "content": "".join(f"{rng.choice(parts)} {rng.random():.4f} " for _ in range(rng.randint(1, 6)))}
                for role in roles
            ]
        )
        tokens += len(tok.encode_many([m["content"] for m in made[-1]])[0])
    return made


def hugging_face_loop(rows: Conversations) -> list[tuple[list[int], list[int]]]:
    """process_batch as GLM-4's script runs it: a call to the tokenizer for every message."""
    tokenizer, made = hf_tokenizer(), []
    for conversation in rows:
        input_ids, loss_masks = [151331, 151333], [False, False]
        for message in conversation:
            tag, mask = GLM4_SPECIALS[f"<|{message['role']}|>"], message["role"] not in ("system", "user", "observation")
            new = [
                tag,
                *tokenizer.encode("\n", add_special_tokens=False).ids,
                *tokenizer.encode(message["content"], add_special_tokens=False).ids,
            ]
            input_ids += new
            loss_masks += [mask] * len(new)
        input_ids.append(151329)
        loss_masks = [False, *loss_masks]
        made.append((input_ids, [i if mask else -100 for i, mask in zip(input_ids, loss_masks, strict=True)]))
    return made


def median_seconds(function: Callable[[], object], runs: int = 5) -> float:
    function()  # warm
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    rows, tok = conversations(), glm4viz.load_tokenizer()
    contents = [m["content"] for row in rows for m in row]
    batch = glm4viz.label_batch(rows)
    share = rows[: int(len(rows) * LOOP_TOKENS / len(batch.input_ids))]
    for i, (ids, labels) in enumerate(hugging_face_loop(share)):
        part = slice(batch.offsets[i], batch.offsets[i + 1])
        assert (batch.input_ids[part].tolist(), batch.labels[part].tolist()) == (ids, labels)
    tokens, loop_tokens = len(batch.input_ids), int(batch.offsets[len(share)])
    speeds = {
        "Hugging Face loop": loop_tokens / median_seconds(lambda: hugging_face_loop(share), 3),
        "bare encoder": tokens / median_seconds(lambda: tok.encode_many(contents)),
        "label_batch": tokens / median_seconds(lambda: glm4viz.label_batch(rows)),
    }
    print(f"{len(rows):,} conversations, {len(contents):,} messages, {tokens:,} tokens")
    for name, speed in speeds.items():
        print(f"{name:18} {speed / 1e6:6.2f} Mtok/s   label_batch is {speeds['label_batch'] / speed:5.2f} times")


if __name__ == "__main__":
    main()
