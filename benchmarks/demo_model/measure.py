"""The figures of the models in the package: nats a token on texts that were kept out of training, beside what they must beat."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.demo_model.corpus import Text
from benchmarks.demo_model.data import VOCABULARY, Data
from glm4viz.labelling.single import label
from glm4viz.loss import load_model, stop_probabilities, token_losses_batch
from glm4viz.loss.demo import HERE
from glm4viz.loss.model import LossModel, in_memory
from glm4viz.readers import read_conversations
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.systems.registry import load_tokenizer

NEVER_SEEN = Path(__file__).parents[2] / "tests" / "loss" / "never_seen.jsonl"
MOST = 30_000  # tokens of one kind of kept text
Floats = npt.NDArray[np.float64]


def measure(data: Data, names: Sequence[str]) -> None:
    """Prints everything, for each model."""
    chance = unigram(data)
    print(f"{'nats a token':44} {'unigram':>8} {'model':>8}   (uniform: {np.log(VOCABULARY):.2f})")
    for name in names:
        model = in_memory(load_model(name, device="cpu"))
        print(f"-- {name}")
        for kind, texts in kept_texts(data).items():
            ids = [text.ids for text in texts]
            _line(kind, np.concatenate(ids), _nll(model, ids), chance, [text.labels != IGNORE for text in texts])
        for kind, found in never_seen().items():
            losses = token_losses_batch(model, found, 0)
            taught = [one.trained if isinstance(one, LabelledSample) else np.arange(len(one)) >= 2 for one in found]
            every = np.concatenate([one.input_ids if isinstance(one, LabelledSample) else one for one in found])
            _line(kind, every, np.concatenate([one.nll for one in losses]), chance, taught)
        structure(model)


def unigram(data: Data) -> Floats:
    """-log of each id's share of the running text [V], a rare one's that of its class divided by the class's size."""
    counts = np.bincount(data.slots, weights=data.counts, minlength=data.slot_count) + 1
    sizes = np.bincount(data.slots, minlength=data.slot_count)
    nats: Floats = -np.log(counts / counts.sum() / sizes)[data.slots]
    return nats


def kept_texts(data: Data) -> dict[str, list[Text]]:
    """Prose and talk of the sources that was never trained on, by language."""
    groups: dict[str, list[Text]] = {}
    for source, texts in data.kept.items():
        kind = "talk" if source.startswith("chat") or source.startswith("chit") else "prose"
        groups.setdefault(f"kept {kind}, {source[-3:-1]}", []).extend(texts)
    chosen = {}
    for kind, texts in groups.items():
        shuffled = [texts[i] for i in np.random.default_rng(0).permutation(len(texts))]
        ends = np.cumsum([len(text) for text in shuffled])
        chosen[kind] = [text for text, end in zip(shuffled, ends, strict=True) if end <= MOST]
    return chosen


def never_seen() -> dict[str, list[LabelledSample | npt.NDArray[np.int64]]]:
    """The texts beside the tests, of other hands than the sources', and the bookshop's conversations that were kept."""
    groups: dict[str, list[LabelledSample | npt.NDArray[np.int64]]] = {}
    prefix = [151_331, 151_333]
    for line in NEVER_SEEN.read_text("utf-8").splitlines():
        one = json.loads(line)
        made = label(one["messages"]) if one["kind"] == "talk" else np.array([*prefix, *load_tokenizer().encode(one["text"])])
        groups.setdefault(f"everyday {one['kind']} never seen, {one['language']}", []).append(made)
    groups["the bookshop, kept"] = [label(one) for one in read_conversations(HERE / "held_out.jsonl")]  # type: ignore[arg-type]
    return groups


def structure(model: LossModel) -> None:
    """Function words against names, the first tokens of an answer against the later, and the stop."""
    talks = [one for kind, found in never_seen().items() if "talk" in kind for one in found if isinstance(one, LabelledSample)]
    losses = token_losses_batch(model, talks, 0)
    cheap, dear, early, late = list[float](), list[float](), list[float](), list[float]()
    for sample, found in zip(talks, losses, strict=True):
        place = -1
        for i in range(len(sample)):
            place = place + 1 if sample.trained[i] else -1
            if place < 1 or sample.parts[i] != "content":
                continue
            word = sample.tokenizer.token_bytes(int(sample.input_ids[i])).decode("utf-8", "replace").strip().lower()
            (cheap if word in FUNCTION_WORDS else dear).append(float(found.nll[i]))
            (early if place <= 4 else late).append(float(found.nll[i]))
    print(f"   function words and punctuation {np.mean(cheap):.2f}, all other words {np.mean(dear):.2f}")
    print(f"   first four tokens of an answer {np.mean(early):.2f}, later ones {np.mean(late):.2f}")
    stops = [stop.total for sample in talks for stop in stop_probabilities(model, sample)]
    print(f"   chance of a stop after these answers {np.mean(stops):.3f}")


FUNCTION_WORDS = frozenset(
    {*"，。、；：的了是在就也和有不,.;:", "the", "a", "an", "of", "to", "in", "and", "is", "it", "or", "for", "on", "with", "you", "that"}
)


def _nll(model: LossModel, ids: Sequence[npt.NDArray[np.int64]]) -> Floats:
    return np.concatenate([one.nll for one in token_losses_batch(model, list(ids), 0)]).astype(np.float64)


def _line(
    kind: str, ids: npt.NDArray[np.int64], nll: npt.NDArray[np.floating], chance: Floats, taught: Sequence[npt.NDArray[np.bool_]]
) -> None:
    counted = np.concatenate(taught) & ~np.isnan(nll)
    print(f"   {kind:41} {chance[ids[counted]].mean():8.2f} {nll[counted].mean():8.2f}   {counted.sum():,} tokens", flush=True)
