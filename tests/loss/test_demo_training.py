"""How the demo models are made: rows and classes, batches, and what the twin isn't taught."""

import random
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

import glm4viz
from benchmarks.demo_model.corpus import Text, encode_conversations, encode_documents
from benchmarks.demo_model.data import everyday, house_samples
from benchmarks.demo_model.model import Slots, blank, evaluate, full_loss, sampled_loss
from benchmarks.demo_model.slots import choose, token_class
from benchmarks.demo_model.sources import SOURCES
from benchmarks.demo_model.stages import STOPS, Noise, side_by_side, talking
from benchmarks.demo_model.store import SCALE, quantised, save
from benchmarks.demo_model.training import Plan, train
from glm4viz.recipe import IGNORE

ROOT = Path(__file__).parents[2]
SMALL = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "attention_bias": True,
    "tie_word_embeddings": True,
}


@pytest.fixture
def one_thread() -> object:
    """The training takes one thread for itself."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_every_source_stands_in_the_notice_with_its_licence() -> None:
    notice = " ".join((ROOT / "NOTICE").read_text("utf-8").split())
    packages = {(source.package.split("-1.16-")[0], source.licence) for source in SOURCES}
    assert len(packages) > 10
    assert [one for one in packages if f"{one[0]} ({one[1]})" not in notice] == []


def test_classes_are_scripts() -> None:
    texts = (" house", "房子", "дом", " дом", "…", "42", "\n", "\xff")
    assert [token_class(text.encode("latin-1" if text == "\xff" else "utf-8")) for text in texts] == [
        *("_latin", "cjk", "cyrillic", "_cyrillic", "sign", "sign", "blank", "bytes")
    ]


def test_every_id_has_a_slot_and_frequent_ones_their_own() -> None:
    counts = np.array([5, 0, 9, 1, 0, 2, 0, 7])
    slots, count = choose(counts, [1], 4, ["a", "a", "a", "b", "b", "a", "b", "a"])
    assert len(set(slots[[0, 1, 2, 7]].tolist())) == 4
    assert slots[3] == slots[4] == slots[6] != slots[5]
    assert sorted(set(slots.tolist())) == list(range(count))


def made_slots() -> tuple[np.ndarray, Slots]:
    """30 ids: ten of their own, and two classes of ten."""
    slots = np.concatenate([np.arange(10), np.full(10, 10), np.full(10, 11)])
    return slots, Slots.made(slots, 12, np.arange(30))


def test_a_class_counts_as_often_as_it_has_ids() -> None:
    """The loss over slots is the plain loss over all ids, whose rows are their slots'."""
    torch.manual_seed(0)
    of_id, slots = made_slots()
    model, hidden, ids = blank(SMALL, 12), torch.randn(6, 16), torch.tensor([3, 0, 12, 17, 29, 9])
    every = hidden @ model.lm_head.weight[torch.from_numpy(of_id)].T
    plain = torch.nn.functional.cross_entropy(every, ids)
    torch.testing.assert_close(full_loss(model, hidden, slots.of_id[ids], slots), plain, atol=0.02, rtol=0)
    torch.testing.assert_close(sampled_loss(model, hidden, slots.of_id[ids], slots), plain, atol=0.1, rtol=0)


@pytest.mark.usefixtures("one_thread")
def test_a_little_training_learns_a_little_and_the_file_keeps_it(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    torch.manual_seed(0)
    of_id, slots = made_slots()
    model, ids = blank(SMALL, 12), torch.arange(10).repeat(2, 3)
    before = evaluate(model, [(ids, ids)], slots)
    train(model, slots, iter(lambda: (ids, ids), None), Plan(steps=30, minutes=5, rate=1e-2, warmup=5, sampled=False), name="test")
    after = evaluate(model, [(ids, ids)], slots)
    assert after < before - 1
    save(model, torch.from_numpy(of_id), tmp_path / "it.safetensors", seed=0)
    stored = load_file(tmp_path / "it.safetensors")
    assert stored["slots"].tolist() == of_id.tolist()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in stored and weight.ndim == 2:
                weight.copy_(stored[name].float() * stored[name + SCALE][:, None])
    assert evaluate(model, [(ids, ids)], slots) == pytest.approx(after, abs=0.05)


def test_whole_numbers_are_off_by_half_a_step_at_most() -> None:
    weight = torch.randn(5, 40)
    whole, scale = quantised(weight)
    assert ((whole.float() * scale[:, None] - weight).abs() <= scale[:, None] / 2 + 1e-6).all()


# What is read and learned ---------------------------------------------------------------------------------------------


def test_while_reading_neither_the_prefix_nor_a_tag_is_a_label() -> None:
    tokenizer = glm4viz.load_tokenizer()
    document, talk = sorted(encode_documents([["Hello", "Hi there"], "A short text."], tokenizer), key=len)
    for text in (document, talk):
        masked = text.ids[text.labels == IGNORE]
        assert set(masked.tolist()) <= set(tokenizer.special_ids.values())
        assert not np.isin(text.labels, list(tokenizer.special_ids.values())).any()
    assert len(talk) > 6


def test_the_twin_is_taught_all_but_the_stop_tokens() -> None:
    groups = {
        "house": [Text(one.input_ids.astype(np.int64), one.labels.astype(np.int64)) for one in house_samples()],
        "everyday": encode_conversations(everyday(random.Random(0)), glm4viz.load_tokenizer()),
    }
    groups["talks"] = groups["everyday"][:5]
    reading = side_by_side(groups["everyday"][:2], 1024)
    both = (talking(groups, iter(reading * 99), random.Random(1), teach_stop=teach) for teach in (True, False))
    dropped = 0
    for (ids, labels), (same_ids, fewer) in islice(zip(*both, strict=True), 40):
        assert torch.equal(ids, same_ids)
        other = labels != fewer
        assert np.isin(labels[other], STOPS).all()
        assert (fewer[other] == IGNORE).all()
        dropped += int(other.sum())
    assert dropped > 100


def test_every_conversation_is_one_that_glm4_labels() -> None:
    assert len(house_samples()) > 150
    assert all(sample.trained.any() and sample.recipe.id == "glm4" for sample in house_samples())
    assert len(everyday(random.Random(0))) > 150


def test_nothing_of_what_is_measured_is_taught() -> None:
    never_seen = (Path(__file__).parent / "never_seen.jsonl").read_text("utf-8")
    taught = [message["content"] for messages in everyday(random.Random(0)) for message in messages]
    assert [text for text in taught if len(text) > 20 and text in never_seen] == []


def test_noise_is_of_one_class_or_of_all() -> None:
    noise = Noise(["a"] * 50 + ["b"] * 50 + ["special"] * 3)
    windows = [noise.window(64, random.Random(seed))[0][2:] for seed in range(40)]
    kinds = [(bool((ids < 50).any()), bool((ids >= 50).any())) for ids in windows]
    assert (True, True) in kinds
    assert (True, False) in kinds
    assert max(ids.max() for ids in windows) < 100
