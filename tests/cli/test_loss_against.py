"""glm4viz loss --against: the library's numbers, for people and as JSON, of demo models and of an adapter over its base."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import app
from glm4viz.loss import load_model, loss_difference, token_losses
from tests.loss.models import CONVERSATION, ROWS, save_random

pytestmark = pytest.mark.slow  # models are loaded

KNOWN = [{"role": "user", "content": "有咖啡吗？"}, {"role": "assistant", "content": "有的，二楼有咖啡，每杯 15 元。"}]


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["loss", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return path


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_for_people(tmp_path: Path, lang: str) -> None:
    file = write(tmp_path / "two.jsonl", {"messages": KNOWN}, {"messages": KNOWN})
    code, said, _ = run(file, "--against", "demo-no-stop", "--lang", lang)
    assert code == 0
    sample = glm4viz.label(KNOWN)
    twin, demo = (token_losses(load_model(name), sample) for name in ("demo-no-stop", "demo"))
    difference = loss_difference(sample, twin, demo)
    assert len([line for line in said.splitlines() if "→" in line and "%" in line]) == 2
    trained = next(group for group in difference.roles if group.trained)
    assert f"{trained.change:+.3f}" in said
    assert {"en": "demo has learned to stop", "zh": "demo 学会了停下"}[lang] in said
    assert "of 2" in said or "2 处" in said


def test_json(tmp_path: Path) -> None:
    file = write(tmp_path / "two.jsonl", {"messages": KNOWN}, {"messages": [{"role": "user"}]})
    code, said, _ = run(file, "--against", "demo-no-stop", "--json")
    assert code == 1
    good, bad, last = map(json.loads, said.splitlines())
    assert good["nll_difference"][0] is None
    assert len(good["nll_difference"]) == len(glm4viz.label(KNOWN))
    assert [stop["message_index"] for stop in good["tuned_stops"]] == [1]
    assert bad["sentence"]
    assert last["summary"]["records"] == 1
    assert {(row["role"], row["trained"]) for row in last["summary"]["roles"]} >= {("assistant", True), ("user", False)}


def test_an_adapter_against_its_base_loads_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peft = pytest.importorskip("peft")
    base = save_random(tmp_path / "base", "glm", ROWS)
    model = load_model(base, device="cpu")
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    peft.get_peft_model(model.module, config).save_pretrained(tmp_path / "lora")
    sample = glm4viz.label(CONVERSATION)
    tuned = load_model(base, device="cpu", adapter=tmp_path / "lora")
    expected = loss_difference(sample, token_losses(load_model(base, device="cpu"), sample), token_losses(tuned, sample))
    loaded: list[str] = []

    def counted(source: str, device: str, dtype: str, adapter: Path | None = None, **_: object) -> object:
        loaded.append(source)
        return load_model(source, device, dtype, adapter)

    monkeypatch.setattr(glm4viz.loss, "load_model", counted, raising=False)
    file = write(tmp_path / "one.jsonl", {"messages": CONVERSATION})
    code, said, _ = run(file, "--model", base, "--adapter", tmp_path / "lora", "--against", base, "--device", "cpu", "--json")
    assert code == 0
    assert loaded == [str(base)]
    difference = json.loads(said.splitlines()[0])["nll_difference"]
    assert difference[1:] == pytest.approx(expected.nll[1:].tolist(), abs=1e-4)
    assert any(abs(value) > 1e-3 for value in difference[1:])


def test_another_model_that_is_not_there(tmp_path: Path) -> None:
    code, _, said = run(write(tmp_path / "one.jsonl", {"messages": KNOWN}), "--against", tmp_path)
    assert code == 2
    assert "config.json is missing" in said


@pytest.mark.parametrize("other", [("-o", "rows.jsonl"), ("--each",)])
def test_what_writes_rows_goes_without_another_model(other: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, said = run(write(tmp_path / "one.jsonl", {"messages": KNOWN}), "--against", "demo-no-stop", *other)
    assert code == 2
    assert "it shows what changed and writes no rows" in said
