"""token_losses against the same five outputs from all logits at once: peak memory over the model, and time.

    python -m benchmarks.token_losses [--tokens 4096] [--hidden 64]
    python -m benchmarks.token_losses --demo --tokens 32768      # the demo model alone: its whole process must stay under 4 GB

Lines to reach at 4,096 tokens and 151,552 rows: a twentieth of the memory, 0.65 times the time. Each way runs in a process of
its own, so that peak resident memory is that way's; the model is a random GlmForCausalLM, the outputs are compared.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROWS, TOP_K, KIB = 151_552, 5, 1024


def measure(way: str, directory: str, tokens: int, runs: int) -> dict[str, Any]:
    """Peak memory over the model and the best time of some runs, in this process."""
    import torch

    from glm4viz.loss import load_model, token_losses

    model = load_model(Path(directory))
    ids = np.random.default_rng(0).integers(0, 1000, tokens)
    with model.running():
        model.hidden_states([ids[:256]])  # what the first call costs once: threads, kernels
    before = _peak_after_reset()

    def at_once() -> Any:
        """As one would write it without a thought for memory."""
        with torch.inference_mode():
            given = torch.from_numpy(ids)[None]
            logits = model.module(input_ids=given, use_cache=False).logits[0, :-1].float()
            logprobs = torch.log_softmax(logits, -1)
            target = logprobs.gather(-1, given[0, 1:, None])
            entropy = -(logprobs.exp() * logprobs).sum(-1)
            rank = (logits > logits.gather(-1, given[0, 1:, None])).sum(-1)
            top = logprobs.topk(TOP_K)
            return [column.numpy() for column in (-target[:, 0], entropy, rank, top.values, top.indices)]

    def chunked() -> Any:
        losses = token_losses(model, ids, TOP_K)
        return [column[1:] for column in (losses.nll, losses.entropy, losses.rank, losses.top_logprobs, losses.top_ids)]

    times = []
    for _ in range(runs):
        start = time.perf_counter()
        outputs = chunked() if way == "chunked" else at_once()
        times.append(time.perf_counter() - start)
    peak = _peak()
    if Path(directory).is_dir():
        np.savez(Path(directory) / f"{way}.npz", *outputs)
    return {"seconds": min(times), "over_model_gib": (peak - before) / 2**30, "process_gib": peak / 2**30}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB if not Path("/proc/self/status").exists() else _status("VmHWM")


def _peak_after_reset() -> int:
    """Forget the peak of loading; return what is resident now."""
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
        return _status("VmRSS")
    except OSError:
        return _peak()


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * KIB for line in lines if line.startswith(f"{field}:"))


def random_checkpoint(directory: str, hidden: int) -> None:
    """An untied two-layer model over the real number of rows."""
    import torch
    from transformers import GlmConfig, GlmForCausalLM

    torch.manual_seed(0)
    config = GlmConfig(
        vocab_size=ROWS,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=hidden // 4,
        initializer_range=0.3,
    )
    GlmForCausalLM(config).save_pretrained(directory)


def _in_process_of_its_own(way: str, directory: str, tokens: int, runs: int) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.token_losses",
        "--way",
        way,
        "--directory",
        directory,
        "--tokens",
        str(tokens),
        "--runs",
        str(runs),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"TRANSFORMERS_VERBOSITY": "error"})
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--directory", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        print(json.dumps(measure(given.way, given.directory, given.tokens, given.runs)))
        return
    with tempfile.TemporaryDirectory() as directory:
        if given.demo:
            result = _in_process_of_its_own("chunked", "demo", given.tokens, 1)
            print(f"demo, {given.tokens} tokens: {result['seconds']:.1f} s, whole process {result['process_gib']:.2f} GiB")
            return
        random_checkpoint(directory, given.hidden)
        results = {way: _in_process_of_its_own(way, directory, given.tokens, given.runs) for way in ("at_once", "chunked")}
        loaded = [np.load(Path(directory) / f"{way}.npz") for way in ("at_once", "chunked")]
        for name, index in (("nll", 0), ("entropy", 1), ("top log-probabilities", 3)):
            difference = np.abs(loaded[0][f"arr_{index}"] - loaded[1][f"arr_{index}"]).max()
            print(f"{name}: largest difference {difference:.1e}")
        print(f"rank: {(loaded[0]['arr_2'] != loaded[1]['arr_2']).sum()} of {given.tokens - 1} differ (ties in rounding)")
    for way, result in results.items():
        print(f"{way:8}  {result['seconds']:6.2f} s  {result['over_model_gib']:6.3f} GiB over the model")
    ratios = {key: results["chunked"][key] / results["at_once"][key] for key in ("over_model_gib", "seconds")}
    print(f"memory 1/{1 / ratios['over_model_gib']:.0f} (line 1/20), time {ratios['seconds']:.2f} times (line 0.65)")


if __name__ == "__main__":
    main()
