"""What a model takes, said beforehand: against the tensors that are really there, and against what torch really allocates."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoModelForCausalLM

from glm4viz.errors import ModelError
from glm4viz.loss import load_model, loading, memory, plan_load, token_losses
from glm4viz.loss.memory import GIB, activation_bytes
from tests.chatglm_reference import random_weights, save_checkpoint, tiny_config
from tests.loss.models import LAYOUTS, SMALL, save_layout

pytestmark = pytest.mark.slow  # models are loaded


def _in_memory(module: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in (*module.parameters(), *module.buffers()))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_bytes_of_the_weights_are_exact(tmp_path: Path, layout: str, dtype: str) -> None:
    plan = plan_load(save_layout(tmp_path, layout, SMALL), "cpu", dtype)
    model = load_model(tmp_path, "cpu", dtype)
    assert plan.weights == _in_memory(model.module)
    assert plan.parameters == model.parameters == sum(p.numel() for p in model.module.parameters())
    held = load_file(tmp_path / "model.safetensors")
    assert plan.stored == {"F32": sum(tensor.numel() * 4 for tensor in held.values())}


def test_bytes_of_glm_4_9b_chat_s_own_layout(tmp_path: Path) -> None:
    config = tiny_config()
    save_checkpoint(tmp_path / "chat", config, random_weights(config))
    assert plan_load(tmp_path / "chat", "cpu", "bfloat16").weights == _in_memory(load_model(tmp_path / "chat", "cpu", "bfloat16").module)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("changes", [{}, {"num_attention_heads": 24}, {"intermediate_size": 256, "moe_intermediate_size": 256}], ids=str)
@pytest.mark.parametrize("kind", ["glm", "glm4", "glm4_moe"])
def test_activations_are_estimated_from_above_and_not_far(kind: str, changes: dict[str, int], dtype: torch.dtype) -> None:
    sizes = {"hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    experts = {"moe_intermediate_size": 64, "n_routed_experts": 8, "num_experts_per_tok": 4, "first_k_dense_replace": 1}
    config = AutoConfig.for_model(
        kind, **(sizes | {"head_dim": 32, "vocab_size": SMALL, "pad_token_id": 0} | (experts if kind == "glm4_moe" else {}) | changes)
    )
    backbone, tokens = AutoModelForCausalLM.from_config(config, dtype=dtype).eval().model, 1024
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        backbone(input_ids=torch.zeros(1, tokens, dtype=torch.long), use_cache=False)
    events = sorted((e.start_ns(), e.nbytes()) for e in found.profiler.kineto_results.events() if e.name() == "[memory]")
    peak = int(np.cumsum([size for _, size in events]).max())
    assert peak <= 1.1 * activation_bytes(config, dtype, tokens)
    assert activation_bytes(config, dtype, tokens) <= 1.6 * peak


def test_longer_texts_need_more(sound: Path) -> None:
    short, long = (plan_load(sound, "cpu", tokens=tokens) for tokens in (100, 10_000))
    assert short.weights == long.weights
    assert memory.MARGIN < short.working < long.working


# What is said ---------------------------------------------------------------------------------------------------------


def test_it_is_said_with_numbers(sound: Path) -> None:
    plan = plan_load(sound, "cpu", "bfloat16", tokens=1025)
    for language, words in (
        ("en", ("bfloat16", "cpu", "1,025 tokens", "GiB are free", "on disk (F32)")),
        ("zh", ("1,025 个 token", "GiB")),
    ):
        assert all(word in plan.sentence(language) for word in words)


def test_it_is_refused_with_what_would_fit(sound: Path) -> None:
    plan = replace(plan_load(sound, "cpu", tokens=4096), shape=replace(plan_load(sound, "cpu").shape, parameters=9 * 10**9))
    half = replace(plan, dtype=torch.bfloat16)
    for free, words in (
        (half.needed, (r"as bfloat16 \(17.\d GiB\)",)),
        (plan.needed - 1, ("as bfloat16", r"at most 4,0\d\d tokens")),
        (10**9, ("GLM4VIZ_SERVERS", "smaller model")),
    ):
        with pytest.raises(ModelError) as raised:
            replace(plan, free=free).check()
        assert all(re.search(word, raised.value.text) for word in words), raised.value.text
        assert f"{free / GIB:.1f} GiB are free" in raised.value.text
        assert re.search("放不下", raised.value.sentence("zh"))
    replace(plan, free=plan.needed).check()
    replace(plan, free=None).check()  # a system that doesn't say


def test_the_length_said_to_fit_is_the_longest(sound: Path) -> None:
    plan = plan_load(sound, "cpu", tokens=100_000)
    tight = replace(plan, free=replace(plan, tokens=1234).needed)
    assert "with at most 1,234 tokens" in tight.refusal["en"]


def test_nothing_is_loaded_that_has_no_room(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "free_memory", lambda _: 1000)
    monkeypatch.setattr(loading, "_checkpoint_module", lambda *_: pytest.fail("loaded"))
    with pytest.raises(ModelError, match="There isn't room"):
        load_model(sound, device="cpu")


# Loading --------------------------------------------------------------------------------------------------------------


def test_loading_says_how_far_it_is(sound: Path) -> None:
    told: list[loading.Loading] = []
    load_model(sound, device="cpu", progress=told.append)
    assert {step.step for step in told} == {"load"}
    assert [step.done for step in told] == sorted(step.done for step in told)
    assert len({step.done for step in told}) > 5
    assert told[-1].total == plan_load(sound, "cpu").weights


@pytest.mark.parametrize("after", [0, 3])
def test_loading_can_be_stopped(sound: Path, after: int) -> None:
    from glm4viz.loss import Cancelled

    told: list[loading.Loading] = []
    with pytest.raises(Cancelled):
        load_model(sound, device="cpu", progress=told.append, cancelled=lambda: len(told) >= after)
    assert len(told) == after
    assert len(token_losses(load_model(sound, device="cpu"), [1, 2])) == 2


def test_a_page_that_stops_its_script_stops_the_loading(sound: Path) -> None:
    class Rerun(BaseException):
        """As Streamlit raises it out of whatever a script shows."""

    def show(_: Any) -> None:
        raise Rerun

    with pytest.raises(Rerun):
        load_model(sound, device="cpu", progress=show)
