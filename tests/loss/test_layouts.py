"""GLM-4-0414's and GLM-4.5's layouts, tiny and random, on the real number of rows: losses against a forward of transformers' own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from glm4viz.loss import load_model, token_losses
from glm4viz.recipe import LabelledSample
from tests.loss.models import LAYOUTS, ROWS, save_layout

pytestmark = pytest.mark.slow  # models are loaded


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_losses_are_those_of_a_plain_forward(tmp_path: Path, sample: LabelledSample, layout: str, dtype: torch.dtype) -> None:
    save_layout(tmp_path, layout, ROWS, dtype)
    ours = load_model(tmp_path, "cpu", dtype)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=dtype).eval()
    assert (ours.module.get_output_embeddings().weight is ours.module.get_input_embeddings().weight) == layout.endswith("tied")
    for name, buffer in theirs.named_buffers():  # rotary frequencies and experts' biases: float32 in every dtype
        mine = ours.module.get_buffer(name)
        assert mine.dtype == buffer.dtype == torch.float32
        torch.testing.assert_close(mine, buffer, atol=0, rtol=0)
    ids, labels = (torch.from_numpy(column.astype(np.int64)) for column in (sample.input_ids, sample.labels))
    with torch.inference_mode():
        hidden = theirs.model(input_ids=ids[None], use_cache=False).last_hidden_state[0, :-1].double()
        logits = hidden @ theirs.get_output_embeddings().weight.double().T
    logprobs = torch.log_softmax(logits, -1)
    losses = token_losses(ours, sample)
    at = logprobs.gather(1, ids[1:, None])
    np.testing.assert_allclose(losses.nll[1:], -at[:, 0], atol=2e-4)
    np.testing.assert_allclose(losses.entropy[1:], -(logprobs.exp() * logprobs).sum(-1), atol=2e-4)
    trained = labels[1:] != -100
    np.testing.assert_allclose(
        losses.label_nll[1:][trained.numpy()], -logprobs[trained].gather(1, labels[1:][trained, None])[:, 0], atol=2e-4
    )
    assert np.isnan(losses.label_nll[1:][~trained.numpy()]).all()
    # How many score higher: up to those that rounding can't tell from it.
    above, about = ((logprobs > at + slack).sum(-1).numpy() for slack in (1e-4, -1e-4))
    assert ((above <= losses.rank[1:]) & (losses.rank[1:] <= about)).all()
    assert losses.notes == ()


@pytest.mark.parametrize("layout", ["glm4", "glm4_moe mtp"])
def test_bfloat16_keeps_its_place_in_a_long_text(tmp_path: Path, layout: str) -> None:
    """Rotary frequencies rounded to bfloat16 would put late tokens in other places."""
    save_layout(tmp_path, layout, 300, torch.bfloat16, head_dim=32)  # sixteen rotated values have eight frequencies
    ids = np.random.default_rng(0).integers(2, 300, 3000)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
    with torch.inference_mode():
        hidden = theirs.model(input_ids=torch.from_numpy(ids)[None], use_cache=False).last_hidden_state[0, :-1].double()
        logprobs = torch.log_softmax(hidden @ theirs.lm_head.weight.double().T, -1)
    nll = -logprobs.gather(1, torch.from_numpy(ids[1:, None]))[:, 0]
    np.testing.assert_allclose(token_losses(load_model(tmp_path, "cpu", "bfloat16"), ids).nll[1:], nll, atol=2e-4)
