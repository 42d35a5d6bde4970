"""A tokenizer, a model and conversations small enough for one step on any machine, made here: nothing is downloaded."""

import functools
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}{% if m['role'] == 'assistant' %}"
    "{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ m['content'] + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TALKS = [
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "你好！"}],
    [{"role": "user", "content": "What is 1 + 1?"}, {"role": "assistant", "content": "2"}],
    [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Bye"},
        {"role": "assistant", "content": "👋"},
        {"role": "user", "content": "Wait"},
        {"role": "assistant", "content": "Yes?"},
    ],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
]


def tokenizer() -> Any:
    """One token a byte, and ChatML's tags."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    made.add_special_tokens({"additional_special_tokens": SPECIALS})
    made.chat_template = TEMPLATE
    return made


def model() -> Any:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=300, n_positions=512, n_embd=8, n_layer=1, n_head=1))


def rows(tok: Any, masked: bool = False) -> list[dict[str, list[int]]]:
    """The conversations as a trainer's data: answers trained, or nothing."""
    made = []
    for talk in TALKS:
        done = tok.apply_chat_template(talk, return_assistant_tokens_mask=True, return_dict=True)
        ids, mask = done["input_ids"], done["assistant_masks"]
        labels = [i if m and not masked else -100 for i, m in zip(ids, mask, strict=True)]
        made.append({"input_ids": ids, "labels": labels, "attention_mask": [1] * len(ids)})
    return made


class Spy:
    """Records what a model's forward is called with, by itself: the method is replaced, no hook is used."""

    def __init__(self, model: Any) -> None:
        self.calls: list[dict[str, Any]] = []
        before = model.forward

        @functools.wraps(before)
        def forward(*args: Any, **named: Any) -> Any:
            assert not args
            kept = {name: value.clone() if isinstance(value, torch.Tensor) else value for name, value in named.items()}
            self.calls.append(kept | {"training": model.training})
            return before(*args, **named)

        model.forward = forward
