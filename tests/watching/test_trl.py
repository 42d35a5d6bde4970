"""The callback in TRL's SFTTrainer: padding, packing, padding-free, answers only, completions only."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import glm4viz
from glm4viz.errors import RunStopped
from tests.watching import tiny

trl = pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")
pytestmark = pytest.mark.slow
NAME = "run.glm4viz.json.gz"


def trainer(folder: Path, fail_on: Any = None, data: Any = None, **more: Any) -> Any:
    given = {"max_steps": 1, "per_device_train_batch_size": 2, "report_to": [], "save_strategy": "no", "use_cpu": True, "bf16": False}
    return trl.SFTTrainer(
        model=tiny.model(),
        args=trl.SFTConfig(output_dir=str(folder / "out"), disable_tqdm=True, **(given | {"max_length": 256} | more)),
        train_dataset=data or datasets.Dataset.from_list([{"messages": talk} for talk in tiny.TALKS]),
        processing_class=tiny.tokenizer(),
        callbacks=[glm4viz.TrainerCallback(folder / NAME, fail_on)],
    )


def fed_and_captured(made: Any, folder: Path) -> tuple[dict[str, Any], list[Any]]:
    spy = tiny.Spy(made.model)
    made.train()
    assert not made.model._forward_pre_hooks
    return spy.calls[0], glm4viz.read_capture(folder / NAME)


def same_rows(fed: dict[str, Any], samples: list[Any]) -> None:
    """Every token of the batch, in its order, with its label; but for the padding."""
    kept = fed["attention_mask"].bool() if fed.get("attention_mask") is not None else torch.ones_like(fed["input_ids"]).bool()
    assert np.concatenate([s.input_ids for s in samples]).tolist() == fed["input_ids"][kept].tolist()
    assert np.concatenate([s.labels for s in samples]).tolist() == fed["labels"][kept].tolist()


def test_padding(tmp_path: Path) -> None:
    fed, samples = fed_and_captured(trainer(tmp_path), tmp_path)
    assert len(samples) == 2
    same_rows(fed, samples)
    assert all(sample.trained.all() for sample in samples)  # TRL trains the whole text unless told otherwise


def test_assistant_only_loss(tmp_path: Path) -> None:
    fed, samples = fed_and_captured(trainer(tmp_path, "error", assistant_only_loss=True), tmp_path)
    same_rows(fed, samples)
    assert all(sample.trained.any() and not sample.trained.all() for sample in samples)
    assert {b"<|im_end|>"} == {sample.token_bytes[np.flatnonzero(sample.trained)[-1]] for sample in samples}


@pytest.mark.parametrize("more", [{"packing": True}, {"padding_free": True, "max_length": None}])
def test_packed_rows_are_divided(tmp_path: Path, more: dict[str, Any]) -> None:
    made = trainer(tmp_path, assistant_only_loss=True, **more)
    fed, samples = fed_and_captured(made, tmp_path)
    same_rows(fed, samples)
    starts = int((fed["position_ids"] == 0).sum())
    assert starts > 1
    assert len(samples) == starts
    assert all(sample.token_bytes[0] == b"<|im_start|>" for sample in samples)


def test_wrapped_packing(tmp_path: Path) -> None:
    fed, samples = fed_and_captured(trainer(tmp_path, packing=True, packing_strategy="wrapped"), tmp_path)
    same_rows(fed, samples)


def test_completions_only(tmp_path: Path) -> None:
    rows = [{"prompt": talk[:-1], "completion": talk[-1:]} for talk in tiny.TALKS]
    fed, samples = fed_and_captured(trainer(tmp_path, data=datasets.Dataset.from_list(rows)), tmp_path)
    same_rows(fed, samples)
    assert all(sample.trained.any() and not sample.trained.all() for sample in samples)


def test_label_smoothing(tmp_path: Path) -> None:
    """Labels that the first call of the model lacks."""
    made = trainer(tmp_path, assistant_only_loss=True, label_smoothing_factor=0.1)
    spy = tiny.Spy(made.model)
    made.train()
    assert "labels" not in spy.calls[0]
    same_rows(spy.calls[1], glm4viz.read_capture(tmp_path / NAME))


def test_every_label_masked_stops_the_run(tmp_path: Path) -> None:
    """TRL drops rows without a label itself; a collator of one's own masks them behind its back."""
    made = trainer(tmp_path, "error")
    collate = made.data_collator

    def mask_all(rows: list[Any]) -> Any:
        batch = collate(rows)
        return {**batch, "labels": torch.full_like(batch["labels"], -100)}

    made.data_collator = mask_all
    with pytest.raises(RunStopped, match="No token is trained"):
        made.train()
    assert made.state.global_step == 0


def test_prompts_that_are_trained_stop_the_run(tmp_path: Path) -> None:
    with pytest.raises(RunStopped, match="user's text is trained"):
        trainer(tmp_path, "error").train()
