"""The steps of training: a few small batches at once, each in a thread of its own that never waits for another within an operation."""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.demo_model.model import Slots, full_loss, hidden_states, sampled_loss, shifted

Batch = tuple[torch.Tensor, torch.Tensor]  # ids and labels, int64 [B, T]


@dataclass(frozen=True)
class Plan:
    """How long and how fast. minutes: of wall time at most; then the rate has come down to its end all the same."""

    steps: int
    minutes: float
    rate: float
    batches: int = 2  # to a step
    warmup: int = 40
    sampled: bool = True  # the softmax over all slots estimated, not computed

    def progress(self, step: int, seconds: float) -> float:
        return max(step / self.steps, seconds / (60 * self.minutes))

    def factor(self, step: int, progress: float) -> float:
        """Up, then along a half cosine down to a fiftieth."""
        return min(1, (step + 1) / self.warmup) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1, progress))))


def train(model: Any, slots: Slots, batches: Iterator[Batch], plan: Plan, *, name: str, report: Callable[[], str] = str) -> None:
    """Trains in place. Layers' matrices by Muon, all else by AdamW."""
    weights = dict(model.named_parameters())
    matrices = {key for key, weight in weights.items() if weight.ndim == 2 and "embed" not in key and "lm_head" not in key}
    layers, others = [weights[key] for key in sorted(matrices)], [weight for key, weight in weights.items() if key not in matrices]
    optimizers = [
        torch.optim.Muon(layers, lr=plan.rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.0, eps=1e-10),
    ]
    every = [*layers, *others]
    loss_of = sampled_loss if plan.sampled else full_loss

    def work(batch: Batch) -> tuple[float, int, tuple[torch.Tensor, ...]]:
        ids, labels = batch
        hidden, targets = shifted(hidden_states(model, slots.of_id[ids]), slots.targets(labels))
        loss = loss_of(model, hidden, targets, slots)
        return loss.item(), len(targets), torch.autograd.grad(loss, every)

    torch.set_num_threads(1)
    start, step, mean = time.monotonic(), 0, float("nan")
    with ThreadPoolExecutor(2) as pool:
        while (progress := plan.progress(step, time.monotonic() - start)) < 1:
            done = list(pool.map(work, [next(batches) for _ in range(plan.batches)]))
            whole = sum(count for _, count, _ in done)
            for weight, *parts in zip(every, *(gradients for _, _, gradients in done), strict=True):
                weight.grad = sum(part * (count / whole) for part, (_, count, _) in zip(parts, done, strict=True))
            torch.nn.utils.clip_grad_norm_(others, 1.0)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = plan.rate * plan.factor(step, progress)
                optimizer.step()
            step += 1
            loss = sum(value * count for value, count, _ in done) / whole
            mean = loss if step == 1 else 0.97 * mean + 0.03 * loss
            if step % 50 == 0 or step == 1:
                print(f"{name} {step}: {mean:.3f}, {time.monotonic() - start:.0f} s, {progress:.0%} {report()}", flush=True)
    print(f"{name}: {step} steps, {time.monotonic() - start:.0f} s", flush=True)
