"""Several recipes on one conversation: the alignment by bytes, the sentences, the command."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import app
from glm4viz.errors import ConversationError, UnknownRecipe
from glm4viz.recipe import LabelledSample
from tests.conftest import CONVERSATIONS
from tests.strategies import conversations

ROOT = Path(__file__).parents[2]
ALL = list(glm4viz.recipes())
SIX = ["glm4", "llamafactory", "glm4-combine@dfe4601", "ms-swift", "unsloth", "firefly-chatglm3"]
TOOLS = json.loads((ROOT / "sample_data" / "05-tool-call-zh.json").read_text("utf-8"))["messages"]
Bytes = set[tuple[int, int]]


def trained_bytes(samples: list[LabelledSample]) -> Bytes:
    """Message and byte of everything trained in the contents, by the samples themselves."""
    found: Bytes = set()
    for sample in samples:
        kept = sample.trained & (sample.spans[:, 0] >= 0)
        for m, (start, stop) in zip(sample.message_index[kept].tolist(), sample.spans[kept].tolist(), strict=True):
            found.update((m, at) for at in range(start, stop))
    return found


def check_alignment(messages: list[dict[str, Any]], max_length: int | None = None) -> None:
    found = glm4viz.compare(messages, ALL, max_length=max_length)
    assert set(found.ids) | set(found.errors) == set(ALL)
    for m, message in enumerate(found.messages):
        assert b"".join(row.bytes for row in found.rows if row.message == m) == (message["content"] or "").encode()
    rows = list(found.rows)
    for id, samples in found.all_samples.items():
        by_rows = {(row.message, at) for row in rows if row.states[id] in ("trained", "differs") for at in range(row.start, row.stop)}
        own = trained_bytes(samples)
        # Only where two contents are joined may a token hold bytes of a message that its span doesn't name.
        assert own <= by_rows
        assert own == by_rows or id in ("ms-swift", "xtuner", "xtuner-internlm2"), id
    for language in ("en", "zh"):
        assert all(found.sentences(language))
    assert sorted(id for group in found.equal_masks() for id in group) == sorted(found.ids)
    assert found.agreement().shape == (len(found.ids), len(found.ids))


@pytest.mark.parametrize("max_length", [None, 40])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_rows_say_what_the_samples_say(name: str, max_length: int | None) -> None:
    check_alignment(CONVERSATIONS[name], max_length)


@pytest.mark.slow
@settings(max_examples=40)
@given(conversations)
def test_any_conversation_is_aligned(messages: list[dict[str, Any]]) -> None:
    check_alignment(messages)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_every_token_outside_the_contents_has_a_slot(name: str) -> None:
    found = glm4viz.compare(CONVERSATIONS[name], [id for id in ALL if id != "xtuner-split"])
    for id, sample in found.samples.items():
        cells = [slot.cells[id] for slot in found.slots if slot.slot != "end"]
        outside = int((sample.spans[:, 0] < 0).sum())
        own_ends = int((sample.parts == "stop").sum())
        assert outside - own_ends <= sum(cell.tokens for cell in cells) <= outside + own_ends + len(sample.messages), id


DIFFERENCES = {
    "other stop": (TOOLS, ["glm4", "llamafactory"], "LLaMA-Factory teaches `<|endoftext|>` where GLM-4 teaches `<|observation|>`."),
    "tool results": (
        CONVERSATIONS["open-thought-then-call"],
        ["glm4", "unsloth"],
        "Unsloth trains the tool results (observation), GLM-4 doesn't.",
    ),
    "no stop": (TOOLS, ["glm4", "axolotl"], "Axolotl doesn't teach any answer to stop"),
    "tools": (TOOLS, ["glm4", "axolotl"], "Axolotl drops the tools block of `messages[0]`."),
    "name": (TOOLS, ["glm4", "axolotl"], "Axolotl drops the function's name of `messages[2]`."),
    "call": (TOOLS, ["glm4", "ms-swift"], "ms-swift rewrites the call's arguments in `messages[2]`."),
    "last only": (
        CONVERSATIONS["open-long-eight-turns"],
        ["glm4", "glm4-combine@dfe4601"],
        "`glm4-combine@dfe4601` trains only the last answer, `glm4` all 8 answers.",
    ),
    "white space": (
        [{"role": "user", "content": "hi"}, {"role": "assistant", "content": " hello\n"}],
        ["glm4", "firefly-chatglm3"],
        "Firefly strips 2 bytes of white space from `messages[1]`.",
    ),
    "own tag": (CONVERSATIONS["open-system-two-turns"], ["glm4", "glm4v@dfe4601"], "the answer's own tag `<|assistant|>`"),
    "samples": (CONVERSATIONS["open-mixed-three-turns"], ["glm4", "xtuner-split"], "XTuner makes 3 samples of this conversation."),
    "foreign": (CONVERSATIONS["open-en-one-turn"], ["glm4", "chatglm"], "ChatGLM-6B teaches `<eop>` as a stop, but GLM-4 doesn't"),
    "equal": (CONVERSATIONS["open-long-eight-turns"], ["glm4", "glm4@dfe4601"], "all 2 recipes have equal masks"),
    "several at once": (CONVERSATIONS["open-long-eight-turns"], SIX, "LLaMA-Factory and Firefly teach `<|endoftext|>` where"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_known_differences_are_said(name: str) -> None:
    messages, ids, sentence = DIFFERENCES[name]
    said = glm4viz.compare(messages, ids).sentences()
    assert any(sentence in one for one in said), said


def test_two_recipes_row_by_row() -> None:
    messages = [{"role": "user", "content": "  问"}, {"role": "assistant", "content": "答 "}]
    found = glm4viz.compare(messages, ["trl", "firefly-chatglm3"])
    assert [(row.message, row.text, row.states["trl"], row.states["firefly-chatglm3"]) for row in found.rows] == [
        (0, " ", "trained", "absent"),
        (0, " ", "trained", "absent"),  # the token of this space goes on into the next row
        (0, "问", "trained", "masked"),
        (1, "答", "trained", "trained"),
        (1, " ", "trained", "absent"),
    ]


def test_the_next_tag_carries_another_label() -> None:
    found = glm4viz.compare(TOOLS, ["glm4", "llamafactory"])
    end = next(slot for slot in found.slots if (slot.message, slot.slot) == (2, "end"))
    assert end.differs
    assert [(cell.state, cell.text, cell.label) for cell in end.cells.values()] == [
        ("trained", "<|observation|>", "<|observation|>"),
        ("differs", "<|observation|>", "<|endoftext|>"),
    ]


def test_verdicts_of_a_recipe_that_splits_are_one() -> None:
    found = glm4viz.compare(CONVERSATIONS["open-mixed-three-turns"], ["glm4", "xtuner-split"])
    assert len(found.all_samples["xtuner-split"]) == 3
    assert [turn.trained > 0 and turn.stop_trained for turn in found.verdicts["xtuner-split"].turns] == [True] * 3
    assert ["glm4", "xtuner-split"] in found.equal_masks()


def test_rejections_are_kept_and_bad_input_raises() -> None:
    found = glm4viz.compare(TOOLS, ["glm4", "chatglm"])
    assert list(found.samples) == ["glm4"]
    assert "tool results" in str(found.errors["chatglm"])
    with pytest.raises(ConversationError):
        glm4viz.compare([{"role": "bot", "content": "hi"}], ["glm4"])
    with pytest.raises(UnknownRecipe):
        glm4viz.compare(TOOLS, ["glm5"])


def test_one_limit_serves_all() -> None:
    messages = CONVERSATIONS["open-mixed-three-turns"]
    found = glm4viz.compare(messages, ["glm4", "chatglm2"], max_length=31)
    assert len(found.samples["glm4"]) == 31
    assert found.samples["chatglm2"].labels.tolist() == glm4viz.label(messages, "chatglm2", max_length=(15, 15)).labels.tolist()
    assert len(glm4viz.compare(messages, ["glm4"], max_length=(15, 15)).samples["glm4"]) == 31


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"messages": TOOLS}, ensure_ascii=False) + "\n", "utf-8")
    return path


def test_the_command_prints_sentences_verdicts_and_differences(file: Path) -> None:
    result = CliRunner().invoke(app, ["compare", str(file), "--recipes", "glm4,llamafactory"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "LLaMA-Factory teaches `<|endoftext|>`" in result.stdout
    assert "2/2" in result.stdout
    assert "■▨  [2] end" in result.stdout
    assert "教的停止 token" in CliRunner().invoke(app, ["compare", str(file), "--lang", "zh"]).stdout


def test_the_command_speaks_json(file: Path) -> None:
    result = CliRunner().invoke(app, ["compare", str(file), "--recipes", "glm4,chatglm", "--json"])
    record = json.loads(result.stdout)
    assert result.exit_code == 1
    assert record["verdicts"]["glm4"]["answers_trained"] == 2
    assert "ChatGLM-6B" in record["errors"]["chatglm"]


def test_wrong_usage_ends_with_two(file: Path) -> None:
    for options in (["--recipes", "glm4"], ["--recipes", "glm4,nope"], ["--max-length", "0"]):
        assert CliRunner().invoke(app, ["compare", str(file), *options]).exit_code == 2
