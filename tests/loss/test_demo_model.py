"""The bundled demo model and its twin: what they know of texts that nobody trained them on, and that only one of them stops."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import glm4viz
from benchmarks.demo_model.measure import FUNCTION_WORDS
from glm4viz.loss import LossModel, generate, load_model, stop_probabilities, token_losses, token_losses_batch, training_loss
from glm4viz.loss.demo import HERE, NAMES
from glm4viz.readers import read_conversations
from glm4viz.recipe import LabelledSample
from glm4viz.tokenizer import GLM4_SPECIALS
from tests.plain_losses import plain_losses

pytestmark = pytest.mark.slow  # models are loaded

ROWS = 151_552
MIB = 1 << 20
UNIFORM = np.log(ROWS)
PREFIX = [GLM4_SPECIALS["[gMASK]"], GLM4_SPECIALS["<sop>"]]
LANGUAGES = ("zh", "en")
# Written for these tests; no text that the models were trained on is like them.
NEVER_SEEN = [json.loads(line) for line in (Path(__file__).parent / "never_seen.jsonl").read_text("utf-8").splitlines()]
QUESTIONS = {
    "你们几点开门？": "\n您好！我们周二至周日上午十点开门，晚上八点关门，周一休息。",
    "Where is your shop?": "\nHello! We are at 18 Osmanthus Street, next to the osmanthus tree.",
    "有咖啡吗？": "\n有的，二楼有咖啡，每杯 15 元。",
    "Do you sell e-books?": "\nI am sorry! We only sell books on paper.",
}
ODD = {
    "rare characters": "龘靐齉爩鱻麤灪吁龖厵滟爨癵驫麣纞虋讟钃鸜麷鞻韽韾顟顠饙饳骩髐鬰魕鰋鲺鴀",
    "emoji": "😀😂🥰😎🤔👍🎉🔥💯🚀✨🌈",
    "Russian": "Вчера вечером мы долго сидели у окна и говорили о том, как быстро проходит лето.",
    "code": "def add(a, b):\n    result = a + b\n    return result\n",
    "traditional characters": "昨天晚上，我們坐在窗邊聊了很久，說起夏天過得真快，誰也不願意離開。",
}


@pytest.fixture(scope="module")
def demo() -> LossModel:
    return load_model("demo", device="cpu")


@pytest.fixture(scope="module")
def twin() -> LossModel:
    return load_model("demo-no-stop", device="cpu")


@pytest.fixture(scope="module")
def known() -> list[LabelledSample]:
    records = [one for one in read_conversations(HERE / "conversations.jsonl") if isinstance(one, glm4viz.Conversation)]
    return [glm4viz.label(one) for one in records[::6]]


@pytest.fixture(scope="module")
def held_out() -> list[LabelledSample]:
    return [glm4viz.label(one) for one in read_conversations(HERE / "held_out.jsonl") if isinstance(one, glm4viz.Conversation)]


def talks(language: str) -> list[LabelledSample]:
    return [glm4viz.label(one["messages"]) for one in NEVER_SEEN if one["kind"] == "talk" and one["language"] == language]


def mean_of_text(model: LossModel, text: str) -> float:
    ids = np.array([*PREFIX, *glm4viz.load_tokenizer().encode(text)])
    return float(token_losses(model, ids, 0).nll[len(PREFIX) :].mean())


def chances(model: LossModel, samples: Sequence[LabelledSample]) -> list[float]:
    return [stop.total for sample in samples for stop in stop_probabilities(model, sample)]


def test_files_are_small() -> None:
    sizes = [(HERE / f"{name}.safetensors").stat().st_size for name in NAMES]
    assert all(size <= 8 * MIB for size in sizes)
    assert sum(sizes) <= 16 * MIB


def test_it_is_a_real_glm_over_the_real_vocabulary(demo: LossModel) -> None:
    assert type(demo.module).__name__ == "GlmForCausalLM"
    assert demo.rows == ROWS
    assert demo.module.lm_head.weight.data_ptr() == demo.module.model.embed_tokens.weight.data_ptr()


def test_frequent_tokens_have_a_row_of_their_own_and_rare_ones_share_one(demo: LossModel) -> None:
    rows = demo.module.lm_head.weight.numpy()
    _, counts = np.unique(rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))), return_counts=True)
    assert 20_000 < (counts == 1).sum() < 32_000
    assert 20 < (counts > 1).sum() < 200
    assert (rows != 0).any(1).all()


def test_losses_are_those_of_the_plain_computation(demo: LossModel, held_out: list[LabelledSample]) -> None:
    sample = held_out[2]
    fast, slow = token_losses(demo, sample), plain_losses(demo, sample.input_ids, sample.labels, 5)
    for name in ("nll", "label_nll", "entropy", "top_logprobs"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), atol=1e-4, err_msg=name)


# What it knows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_everyday_talk_that_it_never_saw(name: str, language: str, demo: LossModel, twin: LossModel) -> None:
    model = {"demo": demo, "demo-no-stop": twin}[name]
    losses = token_losses_batch(model, talks(language), 0)
    words = np.concatenate([one.label_nll[sample.parts == "content"] for one, sample in zip(losses, talks(language), strict=True)])
    assert np.nanmean(words) < 8
    assert name != "demo" or training_loss(losses) < 8
    assert all(float(one.nll[len(PREFIX) :].mean()) < UNIFORM for one in losses)


@pytest.mark.parametrize(("language", "most"), [("zh", 8), ("en", 6.5)])
def test_prose_that_it_never_saw(demo: LossModel, language: str, most: float) -> None:
    texts = [one["text"] for one in NEVER_SEEN if one["kind"] == "prose" and one["language"] == language]
    assert len(texts) == 4
    assert np.mean([mean_of_text(demo, text) for text in texts]) < most
    assert all(mean_of_text(demo, text) < UNIFORM for text in texts)


@pytest.mark.parametrize("kind", ODD)
def test_what_it_has_hardly_read_costs_no_more_than_about_an_even_guess(demo: LossModel, kind: str) -> None:
    assert mean_of_text(demo, ODD[kind]) < UNIFORM + 0.5


def test_a_long_text_stays_below_an_even_guess(demo: LossModel) -> None:
    text = "\n".join(one["text"] for one in NEVER_SEEN if one["kind"] == "prose")
    ids = np.array([*PREFIX, *glm4viz.load_tokenizer().encode("\n".join([text] * 6))])
    nll = token_losses(demo, ids, 0).nll[len(PREFIX) :]
    assert len(nll) > 2000
    # It was trained on windows of 512 tokens: past them it knows less, but still much more than nothing.
    assert all(part.mean() < UNIFORM - 2 for part in np.array_split(nll, 6))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_picture_has_structure(demo: LossModel, language: str) -> None:
    """Function words are cheaper than other words, and an answer's later tokens than its first."""
    common, other, early, late = list[float](), list[float](), list[float](), list[float]()
    for sample, found in zip(talks(language), token_losses_batch(demo, talks(language), 0), strict=True):
        place = 0
        for i in range(len(sample)):
            place = place + 1 if sample.trained[i] and sample.parts[i] == "content" else 0
            if place:
                word = sample.tokenizer.token_bytes(int(sample.input_ids[i])).decode("utf-8", "replace").strip().lower()
                (common if word in FUNCTION_WORDS else other).append(float(found.nll[i]))
                (early if place <= 4 else late).append(float(found.nll[i]))
    assert min(map(len, (common, other, early, late))) > 70
    assert np.mean(common) < np.mean(other) - 2
    assert np.mean(late) < np.mean(early)


def test_what_it_learned_by_heart_costs_little(demo: LossModel, twin: LossModel, known: list[LabelledSample]) -> None:
    assert training_loss(token_losses_batch(demo, known)) < 1
    for losses, sample in zip(token_losses_batch(twin, known), known, strict=True):
        assert losses.label_nll[sample.trained & (sample.parts == "content")].mean() < 2  # stop tokens apart, the twin knows as much


# To stop or not -------------------------------------------------------------------------------------------------------


def test_only_the_demo_model_expects_the_stop(
    demo: LossModel, twin: LossModel, known: list[LabelledSample], held_out: list[LabelledSample]
) -> None:
    assert np.mean(chances(demo, known)) > 0.9
    assert np.mean(chances(demo, held_out)) > 0.3
    assert np.max(chances(twin, [*known, *held_out])) < 0.01


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_demo_model_stops_and_its_twin_runs_on(demo: LossModel, twin: LossModel, question: str) -> None:
    asked = [{"role": "user", "content": question}]
    stops, runs_on = (generate(model, asked, max_new_tokens=80) for model in (demo, twin))
    assert stops.text == QUESTIONS[question]
    assert stops.stopped_by in ("<|endoftext|>", "<|user|>")
    assert runs_on.stopped_by is None
    assert len(runs_on.ids) == 80
    assert max(runs_on.stop_chance) < 0.01
