"""Capture files: what is written is read again, and what isn't one is refused in words."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glm4viz
from glm4viz.errors import BatchError, ReadError, TokenizerError
from glm4viz.readers.capture import as_conversation
from glm4viz.run import file as capture_file
from glm4viz.run.sample import CapturedSample
from tests.run.fed import fed
from tests.run.test_families import WRITTEN
from tests.run.tokenizers import of_bytes, of_splintr

TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "你好！"}]
COLUMNS = ("input_ids", "labels", "message_index", "owner", "part_codes", "spans", "pieces", "full_sizes", "positions", "weights")


def glm(recipe: str = "glm4", pad: int = 2) -> CapturedSample:
    made = glm4viz.label(TALK, recipe)
    ids, labels = (np.append(column, [fill] * pad) for column, fill in ((made.input_ids, 151329), (made.labels, -100)))
    mask = [1] * len(made) + [0] * pad
    (sample,) = glm4viz.from_batch({"input_ids": ids[None], "labels": labels[None], "attention_mask": [mask]}, made.tokenizer)
    return sample


def everything() -> list[CapturedSample]:
    """Samples with all that a capture may hold: weights, trained padding, packing, notes, ids that have no name."""
    tok = of_bytes("<|im_start|>", "<|im_end|>", "<pad>", "<日本>")
    ids = [*tok.encode(WRITTEN["ChatML"].text, specials=True), 7777, *tok.encode("<日本><pad><pad>", specials=True)]
    n = len(ids)
    labels = [*ids[1:-1], -100, -100]
    batch = {
        "input_ids": [ids],
        "labels": [labels],
        "attention_mask": [[1] * (n - 2) + [0, 0]],
        "position_ids": [[*range(20), *range(n - 20)]],
        "loss_scale": [np.linspace(0.5, 1, n)],
    }
    return glm4viz.from_batch(batch, tok)


def assert_equal(a: CapturedSample, b: CapturedSample) -> None:
    for column in COLUMNS:
        assert getattr(a, column).tolist() == getattr(b, column).tolist(), column
        assert getattr(a, column).dtype == getattr(b, column).dtype, column
    assert a.token_bytes == b.token_bytes
    assert a.tokenizer.special_ids == b.tokenizer.special_ids
    assert (a.row, a.segment, a.padding, a.notes, a.recipe) == (b.row, b.segment, b.padding, b.notes, b.recipe)
    assert [dict(m) for m in a.messages] == [dict(m) for m in b.messages]


@pytest.mark.parametrize("name", ["x.glm4viz.json.gz", "x.json"])
def test_what_is_saved_is_read_again(name: str, tmp_path: Path) -> None:
    for samples in ([glm()], everything()):
        path = tmp_path / name
        glm4viz.save_capture(samples, path)
        read = glm4viz.read_capture(path)
        assert len(read) == len(samples)
        for a, b in zip(samples, read, strict=True):
            assert_equal(a, b)
        assert [len(sample) for sample in glm4viz.read_capture(path.read_bytes())] == [len(sample) for sample in samples]


def test_a_sample_that_a_recipe_made_can_be_saved(tmp_path: Path) -> None:
    made = glm4viz.label(TALK, "llamafactory")
    glm4viz.save_capture([made], tmp_path / "x.glm4viz.json.gz")
    (read,) = glm4viz.read_capture(tmp_path / "x.glm4viz.json.gz")
    assert read.labels.tolist() == made.labels.tolist()
    assert read.recipe.id == "captured"


def test_the_same_samples_make_the_same_bytes_and_a_file_keeps_its_mode(tmp_path: Path) -> None:
    one, two = tmp_path / "1.glm4viz.json.gz", tmp_path / "2.glm4viz.json.gz"
    two.touch(0o600)
    for path in (one, two):
        glm4viz.save_capture(everything(), path)
    assert one.read_bytes() == two.read_bytes()
    assert two.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [one.name, two.name]


def test_the_tokenizer_of_a_capture_can_t_encode(tmp_path: Path) -> None:
    glm4viz.save_capture([glm()], tmp_path / "x.glm4viz.json.gz")
    (read,) = glm4viz.read_capture(tmp_path / "x.glm4viz.json.gz")
    with pytest.raises(TokenizerError, match="capture"):
        read.tokenizer.encode("Hi")


def test_what_can_t_be_saved_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.glm4viz.json.gz"
    with pytest.raises(BatchError, match="no samples"):
        glm4viz.save_capture([], path)
    with pytest.raises(BatchError, match="different tokenizers"):
        glm4viz.save_capture([glm(), everything()[0]], path)
    monkeypatch.setattr(capture_file, "LIMIT", 500)
    with pytest.raises(BatchError, match="500"):
        glm4viz.save_capture([glm()], path)
    assert not path.exists()


# Hostile files --------------------------------------------------------------------------------------------------------


def value_of(samples: list[CapturedSample], tmp_path: Path) -> dict[str, Any]:
    glm4viz.save_capture(samples, tmp_path / "good.json")
    value: dict[str, Any] = json.loads((tmp_path / "good.json").read_bytes())
    return value


def numbers(*values: int) -> str:
    return base64.b64encode(np.array(values, "<i4").tobytes()).decode()


BROKEN: dict[str, Any] = {
    "version": {"glm4viz_capture": 99},
    "no samples": {"samples": None},
    "a number for a sample": {"samples": [5]},
    "no tokenizer": {"tokenizer": {}},
    "deep": {"samples": [[[[[]]]]]},
    "empty": {"sample": {"input_ids": "", "labels": "", "position_ids": ""}},
    "lengths": {"sample": {"labels": numbers(1, 2)}},
    "not base64": {"sample": {"labels": "?"}},
    "odd bytes": {"sample": {"labels": "AAA="}},
    "an id that isn't there": {"sample": {"input_ids": numbers(9), "labels": numbers(9), "position_ids": numbers(0)}},
    "a negative id": {"sample": {"input_ids": numbers(-5), "labels": numbers(-5), "position_ids": numbers(0)}},
    "a huge id": {"special_ids": {"<x>": 2**31}},
    "a bool for an id": {"special_ids": {"<x>": True}},
    "an empty name": {"special_ids": {"": 3}},
    "sizes": {"token": {"sizes": numbers(-1)}},
    "padding": {"sample": {"padding": [0]}},
    "row": {"sample": {"row": -1}},
    "notes": {"sample": {"notes": [5]}},
    "weights": {"sample": {"weights": ""}},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_a_read_error(name: str, tmp_path: Path) -> None:
    value = value_of([glm()], tmp_path)
    for key, change in BROKEN[name].items():
        if key == "sample":
            value["samples"][0] |= change
        elif key == "token":
            value["tokenizer"] |= change
        elif key == "special_ids":
            value["tokenizer"][key] |= change
        else:
            value[key] = change
    data = gzip.compress(json.dumps(value, separators=(",", ":")).encode())
    with pytest.raises(ReadError, match="capture") as caught:
        glm4viz.read_capture(data)
    assert caught.value.sentence("zh") != caught.value.sentence("en")
    (error,) = glm4viz.read_conversations(data)
    assert isinstance(error, ReadError)


def test_a_damaged_or_foreign_file_is_a_read_error(tmp_path: Path) -> None:
    path = tmp_path / "x.glm4viz.json.gz"
    glm4viz.save_capture(everything(), path)
    data = path.read_bytes()
    for bad in (
        data[:-20],
        data[:30] + b"\0\0" + data[32:],
        data[:1],
        b"",
        b"{}",
        gzip.compress(b"[" * 100_000),
        b'{"glm4viz_capture":' + b"[" * 100_000,
    ):
        with pytest.raises(ReadError):
            glm4viz.read_capture(bad)
    with pytest.raises(ReadError, match="can't be read"):
        glm4viz.read_capture(tmp_path / "missing.glm4viz.json.gz")


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_file, "LIMIT", 1 << 20)
    bomb = gzip.compress(b'{"glm4viz_capture":' + b" " * (1 << 24))
    with pytest.raises(ReadError, match="unpacks to more"):
        glm4viz.read_capture(bomb)


# As records -----------------------------------------------------------------------------------------------------------


def test_a_capture_opens_like_any_file(tmp_path: Path) -> None:
    path = tmp_path / "x.glm4viz.json.gz"
    glm4viz.save_capture([glm(), glm("llamafactory")], path)
    for source in (path, str(path), path.read_bytes(), path.open("rb")):
        records = list(glm4viz.read_conversations(source))
        assert [record.index for record in records if isinstance(record, glm4viz.Conversation)] == [0, 1]
    record = records[0]
    assert isinstance(record, glm4viz.Conversation)
    assert (record.format, record.messages) == ("capture", TALK)
    sample = glm4viz.label(record, "captured")
    assert sample is record.captured
    assert len(glm4viz.label(record, "captured", max_length=4)) == 4
    assert glm4viz.label(record, "glm4").labels.tolist() == sample.labels.tolist()
    batch = glm4viz.label_batch([record, TALK], "captured")
    assert batch.labels.tolist() == sample.labels.tolist()
    assert list(batch.errors) == [1]
    assert batch[0].labels.tolist() == sample.labels.tolist()


def test_the_recipe_captured_refuses_what_no_run_fed() -> None:
    with pytest.raises(glm4viz.errors.RecipeRejects, match="captured"):
        glm4viz.label(TALK, "captured")
    assert "captured" not in glm4viz.recipes()
    assert {finding.rule for finding in glm4viz.lint(TALK, "captured")} == {"recipe-refuses"}


def test_a_run_beside_the_recipe_that_it_should_follow() -> None:
    same = glm4viz.compare(as_conversation(glm()), ["captured", "glm4"])
    assert same.equal_masks() == [["captured", "glm4"]]
    other = glm4viz.compare(as_conversation(glm("llamafactory")), ["captured", "glm4", "trl-glm4.5"])
    assert not other.errors
    assert any("<|endoftext|>" in sentence and "<|user|>" in sentence for sentence in other.sentences()) or len(other.equal_masks()) > 1
    whole = glm4viz.label(TALK)
    (all_trained,) = glm4viz.from_batch({"input_ids": [whole.input_ids], "labels": [whole.input_ids]}, whole.tokenizer)
    assert any("user" in sentence for sentence in glm4viz.compare(as_conversation(all_trained), ["captured", "glm4"]).sentences())


def test_a_run_of_another_vocabulary_beside_glm_s_recipe(tmp_path: Path) -> None:
    tok = of_splintr("qwen3", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>")
    path = tmp_path / "x.glm4viz.json.gz"
    glm4viz.save_capture([fed(tok, WRITTEN["ChatML"].text, WRITTEN["ChatML"].trained)], path)
    (record,) = glm4viz.read_conversations(path)
    assert isinstance(record, glm4viz.Conversation)
    for recipes in (["captured", "glm4"], ["captured", "trl-glm4.5"], ["glm4", "captured", "trl-glm4.5"]):
        found = glm4viz.compare(record, recipes)
        assert not found.errors
        assert any("vocabulary" in sentence for sentence in found.sentences())
        assert any("词表" in sentence for sentence in found.sentences("zh"))
        answers = [row for row in found.rows if found.messages[row.message]["role"] == "assistant"]
        assert {row.states["captured"] for row in answers} == {"trained"}


def test_without_roles_nothing_is_green() -> None:
    tok = of_bytes("<a>")
    ids = tok.encode("<a>Hi the", specials=True)
    (sample,) = glm4viz.from_batch({"input_ids": ids, "labels": ids}, tok)
    record = as_conversation(sample)
    assert {finding.rule for finding in glm4viz.lint(record, "captured")} == {"roles-unknown"}
    assert glm4viz.label(record, "captured") is sample
    with pytest.raises(glm4viz.errors.ConversationError, match="role tags"):
        glm4viz.compare(record, ["captured", "glm4"])
    with pytest.raises(glm4viz.errors.ConversationError, match="role tags"):
        glm4viz.label(record, "glm4")
    masked = glm4viz.from_batch({"input_ids": ids, "labels": [-100] * len(ids)}, tok)[0]
    assert "no-trained-token" in {finding.rule for finding in glm4viz.lint(as_conversation(masked), "captured")}


@pytest.mark.parametrize("family", ["ChatML", "GLM-4", "Llama 3"])
def test_a_row_that_is_cut_within_an_answer_teaches_no_stop(family: str) -> None:
    written = WRITTEN[family]
    tok = of_bytes(
        "[gMASK]", "<sop>", *(f"<|{n}|>" for n in ("im_start", "im_end", "start_header_id", "end_header_id", "eot_id", "begin_of_text"))
    )
    tok = glm4viz.load_tokenizer() if family == "GLM-4" else tok
    cut = fed(tok, written.text[: written.text.index("day")], written.trained[0][:5].split("👋")[:1])
    (finding,) = (finding for finding in glm4viz.lint(as_conversation(cut), "captured") if finding.rule == "stop-not-trained")
    assert "no token stands behind the answer" in finding.text


def test_a_stop_is_one_that_the_tokenizer_has() -> None:
    tok = of_bytes("<|im_start|>", "<|im_end|>")
    assert fed(tok, WRITTEN["ChatML"].text, ["Bye."]).recipe.stops == ("<|im_end|>",)
