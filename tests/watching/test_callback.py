"""The callback in transformers' own Trainer: the capture is what the model's forward got, and a wrong batch ends the run."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

import glm4viz
from glm4viz.errors import RunStopped
from tests.watching import tiny

pytestmark = pytest.mark.slow
NAME = "run.glm4viz.json.gz"


def arguments(folder: Path, **more: Any) -> TrainingArguments:
    given = {
        "max_steps": 1,
        "per_device_train_batch_size": 2,
        "report_to": [],
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
    }
    return TrainingArguments(output_dir=str(folder / "out"), **(given | more))


def trainer(folder: Path, masked: bool = False, fail_on: Any = None, cls: Any = Trainer, callback: Any = None, **more: Any) -> Any:
    tok = tiny.tokenizer()
    named = {name: more.pop(name) for name in ("eval_dataset", "compute_loss_func", "processing_class") if name in more}
    return cls(
        model=tiny.model(),
        args=arguments(folder, **more),
        train_dataset=tiny.rows(tok, masked),
        data_collator=DataCollatorForSeq2Seq(tok),
        callbacks=[callback or glm4viz.TrainerCallback(folder / NAME, fail_on)],
        **({"processing_class": tok} | named),
    )


def same_as_fed(path: Path, fed: dict[str, Any], labels: Any = None) -> None:
    """The capture holds, row for row, what is no padding in the batch."""
    samples = glm4viz.read_capture(path)
    labels = fed["labels"] if labels is None else labels
    assert len(samples) == len(fed["input_ids"])
    for sample, ids, target, mask in zip(samples, fed["input_ids"], labels, fed["attention_mask"], strict=True):
        assert sample.recipe.id == "captured"
        assert sample.input_ids.tolist() == ids[mask == 1].tolist()
        assert sample.labels.tolist() == target[mask == 1].tolist()


def nothing_left(made: Any) -> None:
    assert not made.model._forward_pre_hooks
    assert type(made.callback_handler.train_dataloader).__iter__ is type(made.get_train_dataloader()).__iter__


def test_the_capture_is_what_the_model_got(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = trainer(tmp_path, fail_on="error")
    spy = tiny.Spy(made.model)
    made.train()
    same_as_fed(tmp_path / NAME, spy.calls[0])
    assert "2 sequences" in capsys.readouterr().out
    assert "default-src 'none'" in (tmp_path / "run.html").read_text("utf-8")
    assert made.state.global_step == 1
    nothing_left(made)


def test_every_label_masked_stops_before_the_first_step(tmp_path: Path) -> None:
    made = trainer(tmp_path, masked=True, fail_on="error")
    before = [p.clone() for p in made.model.parameters()]
    with pytest.raises(RunStopped, match="No token is trained") as caught:
        made.train()
    assert "之前停止" in caught.value.sentence("zh")
    assert made.state.global_step == 0
    assert all(torch.equal(one, other) for one, other in zip(before, made.model.parameters(), strict=True))
    assert (tmp_path / NAME).exists()
    assert (tmp_path / "run.html").exists()
    nothing_left(made)


def test_without_fail_on_it_only_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = trainer(tmp_path, masked=True)
    made.train()
    assert made.state.global_step == 1
    assert "No token is trained" in capsys.readouterr().out


@pytest.mark.parametrize("more", [{"label_smoothing_factor": 0.1}, {"compute_loss_func": "own"}, {"dataloader_num_workers": 1}])
def test_labels_that_the_trainer_takes_out(tmp_path: Path, more: dict[str, Any]) -> None:
    got: list[torch.Tensor] = []

    def own(outputs: Any, labels: torch.Tensor, **_: Any) -> Any:
        got.append(labels.clone())
        return outputs.logits.mean()

    made = trainer(tmp_path, fail_on="error", **({"compute_loss_func": own} if "compute_loss_func" in more else more))
    spy = tiny.Spy(made.model)
    if "label_smoothing_factor" in more:
        before = made.label_smoother

        def smooth(outputs: Any, labels: torch.Tensor, **named: Any) -> Any:
            got.append(labels.clone())
            return before(outputs, labels, **named)

        made.label_smoother = smooth
    made.train()
    assert ("labels" in spy.calls[0]) is not bool(got)
    same_as_fed(tmp_path / NAME, spy.calls[0], got[0] if got else None)
    nothing_left(made)


def test_the_first_of_the_batches_that_make_a_step(tmp_path: Path) -> None:
    made = trainer(tmp_path, per_device_train_batch_size=1, gradient_accumulation_steps=3)
    spy = tiny.Spy(made.model)
    made.train()
    assert len(spy.calls) == 3
    same_as_fed(tmp_path / NAME, spy.calls[0])


def test_the_same_run_with_and_without(tmp_path: Path) -> None:
    calls = []
    for callback in (glm4viz.TrainerCallback(tmp_path / NAME), None):
        made = trainer(tmp_path, max_steps=2)
        if callback is None:
            made.remove_callback(glm4viz.TrainerCallback)
        spy = tiny.Spy(made.model)
        made.train()
        calls.append([call["input_ids"].tolist() for call in spy.calls])
    assert calls[0] == calls[1]


@pytest.mark.parametrize("start", [False, True])
def test_each_evaluation_set_has_its_own(tmp_path: Path, start: bool) -> None:
    data = tiny.rows(tiny.tokenizer())
    sets = {"one": data[:1], "two/3": data[1:]}
    made = trainer(tmp_path, eval_dataset=sets, eval_strategy="steps", eval_steps=1, max_steps=2, eval_on_start=start)
    spy = tiny.Spy(made.model)
    made.train()
    evaluated = [call for call in spy.calls if not call["training"]]
    same_as_fed(tmp_path / "run.eval_one.glm4viz.json.gz", evaluated[0])
    same_as_fed(tmp_path / "run.eval_two_3.glm4viz.json.gz", evaluated[1])
    assert (tmp_path / "run.eval_one.html").exists()
    nothing_left(made)


def test_an_evaluation_set_does_not_stop_the_run(tmp_path: Path) -> None:
    masked = tiny.rows(tiny.tokenizer(), masked=True)
    made = trainer(tmp_path, fail_on="warning", eval_dataset=masked, eval_strategy="steps", eval_steps=1)
    made.train()
    assert made.state.global_step == 1
    assert not any(sample.trained.any() for sample in glm4viz.read_capture(tmp_path / "run.eval.glm4viz.json.gz"))


def test_a_model_that_is_not_called(tmp_path: Path) -> None:
    class Around(Trainer):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: Any, **_: Any) -> Any:
            fed.append({name: value.clone() for name, value in inputs.items()})
            return model.forward(**inputs).loss

    fed: list[dict[str, Any]] = []
    trainer(tmp_path, cls=Around).train()
    same_as_fed(tmp_path / NAME, fed[0])
    with pytest.raises(RunStopped):
        trainer(tmp_path, cls=Around, masked=True, fail_on="error").train()


def test_labels_cut_to_the_logits_that_are_kept(tmp_path: Path) -> None:
    """As ms-swift does: the head computes only the end of each row, and the labels are cut to it."""

    class Kept(Trainer):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: Any, **_: Any) -> Any:
            fed.append({name: value.clone() for name, value in inputs.items()})
            inputs["labels"] = inputs["labels"][:, -20:]
            return model(**inputs, logits_to_keep=20).loss

    fed: list[dict[str, Any]] = []
    trainer(tmp_path, cls=Kept, fail_on="error").train()
    same_as_fed(tmp_path / NAME, fed[0])


def test_a_fault_of_ours_ends_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    made = trainer(tmp_path, callback=glm4viz.TrainerCallback(tmp_path / "file" / NAME, "error"))
    made.train()  # it can't be written, and that isn't the run's fault
    assert "could not be written" in capsys.readouterr().out
    made = trainer(tmp_path, processing_class=None)
    made.train()
    assert "no tokenizer" in capsys.readouterr().out
    with pytest.raises(RunStopped, match="could not be judged"):
        trainer(tmp_path, processing_class=None, fail_on="error").train()
    trainer(tmp_path, processing_class=None, callback=glm4viz.TrainerCallback(tmp_path / NAME, "error", tokenizer=tiny.tokenizer())).train()
    assert glm4viz.read_capture(tmp_path / NAME)


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    made = trainer(tmp_path, masked=True, fail_on="error")
    made.is_world_process_zero = lambda: False
    made.state.is_world_process_zero = False
    state = made.callback_handler.on_train_begin

    def begin(args: Any, state_: Any, control: Any) -> Any:
        state_.is_world_process_zero = False
        return state(args, state_, control)

    made.callback_handler.on_train_begin = begin
    made.train()
    assert not (tmp_path / NAME).exists()


def test_a_second_run_writes_its_own_first_batch(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    made.train()
    first = (tmp_path / NAME).read_bytes()
    made.train_dataset = tiny.rows(tiny.tokenizer(), masked=True)
    made.train()
    assert (tmp_path / NAME).read_bytes() != first


def test_positions_of_packed_rows(tmp_path: Path) -> None:
    """A collator that lays all sequences in one row and resets positions."""
    tok = tiny.tokenizer()
    data = tiny.rows(tok)

    def pack(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        joined = {name: torch.tensor([[x for row in batch for x in row[name]]]) for name in ("input_ids", "labels")}
        return joined | {"position_ids": torch.tensor([[i for row in batch for i in range(len(row["input_ids"]))]])}

    made = trainer(tmp_path)
    made.data_collator = pack
    spy = tiny.Spy(made.model)
    made.train()
    samples = glm4viz.read_capture(tmp_path / NAME)
    fed = spy.calls[0]
    assert len(samples) == 2
    assert np.concatenate([s.input_ids for s in samples]).tolist() == fed["input_ids"][0].tolist()
    assert np.concatenate([s.labels for s in samples]).tolist() == fed["labels"][0].tolist()
    assert {len(s) for s in samples} <= {len(row["input_ids"]) for row in data}
    assert all(b - a == 1 for s in samples for a, b in pairwise(s.positions.tolist()))


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fail_on"):
        glm4viz.TrainerCallback(tmp_path / NAME, "never")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="fail_on"):
        glm4viz.watch(DataLoader([1]), None, fail_on="never")  # type: ignore[arg-type]
