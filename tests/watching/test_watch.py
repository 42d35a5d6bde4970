"""A plain loop: the same batches, unchanged, and the first one captured."""

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch.utils.data import DataLoader

import glm4viz
from glm4viz.errors import RunStopped
from tests.watching import tiny

NAME = "run.glm4viz.json.gz"


def batches(masked: bool = False) -> list[dict[str, torch.Tensor]]:
    return [{name: torch.tensor([values]) for name, values in row.items()} for row in tiny.rows(tiny.tokenizer(), masked)]


def shape(batch: dict[str, torch.Tensor], kind: str) -> Any:
    ids, labels, mask = batch["input_ids"], batch["labels"], batch["attention_mask"]
    return {"dict": batch, "pair": (ids, labels), "list": [ids, labels], "triple": (ids, mask, labels)}[kind]


@pytest.mark.parametrize("kind", ["dict", "pair", "list", "triple"])
def test_the_very_same_batches(tmp_path: Path, kind: str) -> None:
    loader = [shape(batch, kind) for batch in batches()]
    watched = glm4viz.watch(loader, tiny.tokenizer(), tmp_path / NAME, "error")
    assert len(watched) == len(loader)
    assert all(one is other for one, other in zip(watched, loader, strict=True))
    (sample,) = glm4viz.read_capture(tmp_path / NAME)
    first = batches()[0]
    assert sample.input_ids.tolist() == first["input_ids"][0].tolist()
    assert sample.labels.tolist() == first["labels"][0].tolist()
    assert (tmp_path / "run.html").exists()


def test_only_the_first_batch_of_the_first_epoch(tmp_path: Path) -> None:
    watched = glm4viz.watch(DataLoader(cast(Any, batches()), batch_size=None, shuffle=False), tiny.tokenizer(), tmp_path / NAME)
    next(iter(watched))
    before = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).unlink()
    assert len(list(watched)) == len(watched) == 4
    assert not (tmp_path / NAME).exists()
    assert before
    assert watched.batch_size is None  # the loader's own attributes


def test_a_wrong_batch_stops_before_it_is_trained(tmp_path: Path) -> None:
    given = iter(glm4viz.watch(batches(masked=True), tiny.tokenizer(), tmp_path / NAME, "error"))
    with pytest.raises(RunStopped, match="No token is trained"):
        next(given)


def test_no_stop_is_an_error_where_the_whole_batch_lacks_it(tmp_path: Path) -> None:
    tok = tiny.tokenizer()
    end = tok.convert_tokens_to_ids("<|im_end|>")

    def without(rows: int) -> list[dict[str, Any]]:
        made = tiny.rows(tok)[:2]
        for row in made[:rows]:
            row["labels"] = [-100 if i == end else label for i, label in zip(row["input_ids"], row["labels"], strict=True)]
        return made

    with pytest.raises(RunStopped, match="stop token isn't trained"):
        next(iter(glm4viz.watch([without(2)], tok, tmp_path / NAME, "error")))
    next(iter(glm4viz.watch([without(1)], tok, tmp_path / NAME, "error")))
    with pytest.raises(RunStopped):
        next(iter(glm4viz.watch([without(1)], tok, tmp_path / NAME, "warning")))


def test_a_prompt_that_is_trained(tmp_path: Path) -> None:
    tok = tiny.tokenizer()
    row = tiny.rows(tok)[0]
    with pytest.raises(RunStopped, match="user's text is trained"):
        next(iter(glm4viz.watch([[row | {"labels": row["input_ids"]}]], tok, tmp_path / NAME, "error")))


@pytest.mark.parametrize(
    "batch", ["text", 3, None, {}, {"input_ids": torch.ones(1, 4, dtype=torch.long)}, {"input_ids": [[1, 2]], "labels": [[1]]}]
)
def test_what_cannot_be_judged_goes_through_unless_it_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str], batch: Any) -> None:
    assert list(glm4viz.watch([batch], tiny.tokenizer(), tmp_path / NAME)) == [batch]
    assert "The run goes on." in capsys.readouterr().out
    with pytest.raises(RunStopped, match="could not be judged"):
        list(glm4viz.watch([batch], tiny.tokenizer(), tmp_path / NAME, "error"))


def test_other_processes_only_pass_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    assert len(list(glm4viz.watch(batches(masked=True), tiny.tokenizer(), tmp_path / NAME, "error"))) == 4
    assert not any(tmp_path.iterdir())


def test_a_loader_without_a_length(tmp_path: Path) -> None:
    watched = glm4viz.watch(iter(batches()), tiny.tokenizer(), tmp_path / NAME)
    assert watched
    assert len(list(watched)) == 4
    with pytest.raises(TypeError):
        len(watched)


def test_the_report_is_in_chinese_at_first_if_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    list(glm4viz.watch(batches(), tiny.tokenizer(), tmp_path / "new" / NAME, language="zh"))
    assert "参与训练" in capsys.readouterr().out
    assert 'id="zh" checked' in (tmp_path / "new" / "run.html").read_text("utf-8")
