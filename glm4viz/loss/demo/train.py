"""Trains the demo model and its twin, which never learns to stop.

    python -m glm4viz.loss.demo.train            # both, two minutes each on one core; seed 4

Both are tied GlmForCausalLM over GLM-4's 151,552 rows, trained from nothing on the conversations beside this script and on
sample_data/, labelled by the recipe `glm4`. The twin differs in one thing: labels that are stop tokens are masked.

Only the K rows that occur are trained and stored. Every other row is zero, so its logit is exactly 0 whatever the hidden
state, and the softmax over all rows is known without them: log(sum of exp of the K logits + (151,552 - K)).
"""

import argparse
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import GlmConfig, GlmForCausalLM

from glm4viz.conversation import Conversation
from glm4viz.labelling.single import label
from glm4viz.loss.demo import CONFIG, DEMO, HERE, TWIN
from glm4viz.readers import read_conversations
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.tokenizer import GLM4_SPECIALS

SAMPLES = HERE.parents[2] / "sample_data"
# The rest of sample_data shows what goes wrong; these are right.
SAMPLE_FILES = [*(f"0{i}-*.json" for i in range(1, 9)), "13-*.jsonl"]
STOP_TOKENS = [GLM4_SPECIALS[name] for name in ("<|endoftext|>", "<|user|>", "<|observation|>")]
SEED, STEPS, BATCH_TOKENS, RATE, DROPOUT = 4, 900, 2048, 4e-3, 0.15
Batch = tuple[torch.Tensor, torch.Tensor]


def read_samples(*paths: Path) -> list[LabelledSample]:
    """The files' conversations, labelled by `glm4`."""
    records = [record for path in paths for record in read_conversations(path)]
    return [label(record) for record in records if isinstance(record, Conversation)]


def seen_samples() -> list[LabelledSample]:
    """What the demo model is trained on."""
    return read_samples(HERE / "conversations.jsonl", *(path for pattern in SAMPLE_FILES for path in sorted(SAMPLES.glob(pattern))))


def batches(samples: Sequence[LabelledSample], rows: np.ndarray, *, teach_stop: bool) -> list[Batch]:
    """Samples of like length side by side, ids renumbered to 0 … K - 1. Padding stands on the right, where no token sees it."""
    made: list[Batch] = []
    waiting: list[LabelledSample] = []
    for sample in sorted(samples, key=len):
        if waiting and len(sample) * (len(waiting) + 1) > BATCH_TOKENS:
            made.append(_batch(waiting, rows, teach_stop))
            waiting = []
        waiting.append(sample)
    return [*made, _batch(waiting, rows, teach_stop)]


def _batch(samples: Sequence[LabelledSample], rows: np.ndarray, teach_stop: bool) -> Batch:
    shape = len(samples), max(map(len, samples))
    ids, labels = np.zeros(shape, np.int64), np.full(shape, IGNORE, np.int64)
    for r, sample in enumerate(samples):
        taught = sample.trained if teach_stop else sample.trained & ~np.isin(sample.labels, STOP_TOKENS)
        ids[r, : len(sample)] = np.searchsorted(rows, sample.input_ids)
        labels[r, : len(sample)] = np.where(taught, np.searchsorted(rows, sample.labels), IGNORE)
    return torch.from_numpy(ids), torch.from_numpy(labels)


def train(config: GlmConfig, samples: Sequence[LabelledSample], rows: np.ndarray, *, teach_stop: bool) -> GlmForCausalLM:
    """A model over the K rows alone."""
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    compact = GlmConfig(**config.to_dict() | {"vocab_size": len(rows), "pad_token_id": None, "eos_token_id": 0})
    model = GlmForCausalLM(compact)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS, pct_start=0.1)
    absent = torch.tensor(math.log(config.vocab_size - len(rows)))
    made, queue = batches(samples, rows, teach_stop=teach_stop), list[Batch]()
    for step in range(STEPS):
        if not queue:
            queue = rng.sample(made, len(made))
        ids, labels = queue.pop()
        taught = labels[:, 1:] != IGNORE
        # Dropout on what it reads: else it would learn the text by its first words alone, and know nothing of a question put otherwise.
        read = torch.nn.functional.dropout(model.model.embed_tokens(ids), DROPOUT)
        hidden = model.model(inputs_embeds=read, use_cache=False).last_hidden_state[:, :-1][taught]
        logits, target = model.lm_head(hidden), labels[:, 1:][taught]
        every_row = torch.logaddexp(logits.logsumexp(-1), absent)
        loss = (every_row - logits.gather(-1, target[:, None])[:, 0]).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1}: loss {loss.item():.4f}", flush=True)  # noqa: T201
    return model


def save(model: GlmForCausalLM, rows: np.ndarray, path: Path) -> None:
    """The K rows, their ids, and the layers, in half precision."""
    weights = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    save_file({"rows": torch.from_numpy(rows.astype(np.int32)), **weights}, path, metadata={"format": "pt", "seed": str(SEED)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--only", choices=[DEMO, TWIN])
    arguments = parser.parse_args()
    config = GlmConfig(**json.loads(CONFIG.read_text("utf-8")))
    samples = seen_samples()
    rows = np.unique(np.concatenate([sample.input_ids for sample in samples]))
    for name in [arguments.only] if arguments.only else [DEMO, TWIN]:
        save(train(config, samples, rows, teach_stop=name == DEMO), rows, arguments.out / f"{name}.safetensors")


if __name__ == "__main__":
    main()
