"""Small tokenizers, trained here, and chat templates in the styles of model families, in words of our own."""

from collections.abc import Callable
from functools import cache
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

LINES = [
    "The answer to a question stands behind the tag of the assistant, user and system before it.\n\n",
    "你好，世界。模型在这里学会停下。 Where is the café? naïve façade, ﬁne.",
    "{'city': 'Berlin', 'unit': 'metres', 'value': 12345} get_weather tool arguments think\n  indented\n",
] * 4
SPECIALS = (
    *("<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    *(
        "<start_of_turn>",
        "<end_of_turn>",
        "<｜User｜>",
        "<｜Assistant｜>",
        "<｜end▁of▁sentence｜>",
        "[INST]",
        "[/INST]",
        "[gMASK]",
        "<sop>",
    ),
    *("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>", "<|endoftext|>", "<|start|>", "<|message|>", "<|channel|>", "<|end|>"),
)
PLAIN_ADDED = ("<think>", "</think>", "<tool_call>", "</tool_call>")

_BODY = {
    "chatml": (
        "{%- if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
        "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
        "{%- if m.role == 'assistant' %}G[{{ m.content or '' }}{% for c in m.tool_calls or [] %}\n<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}<|im_end|>]G"
        "{% else %}{{ m.content or '' }}<|im_end|>{% endif %}{{ '\n' }}{% endfor %}"
        "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    ),
    "llama3": (
        "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
        "{% if m.role == 'assistant' %}G[{{ (m.content or '') | trim }}<|eot_id|>]G{% else %}{{ (m.content or '') | trim }}<|eot_id|>{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
    ),
    "gemma": (
        "{{ bos_token }}{% set ns = namespace(first='') %}{% if messages[0].role == 'system' %}{% set ns.first = messages[0].content ~ '\n\n' %}{% endif %}"
        "{% for m in messages if m.role != 'system' %}<start_of_turn>{{ 'model' if m.role == 'assistant' else 'user' }}\n"
        "{% if m.role == 'assistant' %}G[{{ (m.content or '') | trim }}<end_of_turn>\n]G{% else %}{{ ns.first if loop.first }}{{ (m.content or '') | trim }}<end_of_turn>\n{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
    ),
    "deepseek": (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% elif m.role == 'assistant' %}<｜Assistant｜>"
        "G[{{ (m.content or '').split('</think>')[-1] if not loop.last else (m.content or '') }}<｜end▁of▁sentence｜>]G{% else %}<｜User｜>{{ m.content }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<｜Assistant｜>{% endif %}"
    ),
    "mistral": (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}G[ {{ m.content }}{{ eos_token }}]G"
        "{% else %}[INST] {{ m.content }} [/INST]{% endif %}{% endfor %}"
    ),
    "glm4": (
        "[gMASK]<sop>{% for m in messages %}<|{{ 'observation' if m.role == 'tool' else m.role }}|>\n"
        "{% if m.role == 'assistant' %}G[{{ m.content }}]G{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
    ),
    "glm4.5": (
        "[gMASK]<sop>{% set ns = namespace(last=-1) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
        "{% for m in messages %}<|{{ 'observation' if m.role == 'tool' else m.role }}|>{% if m.role == 'assistant' %}"
        "G[\n<think>{{ m.reasoning_content | trim if m.reasoning_content is string and loop.index0 > ns.last }}</think>\n{{ (m.content or '') | trim }}]G"
        "{% else %}\n{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    ),
    "harmony": (
        "{% for m in messages %}{% if m.role == 'assistant' %}<|start|>assistant{% if m.thinking %}<|channel|>analysis<|message|>{{ m.thinking }}<|end|><|start|>assistant{% endif %}"
        "<|channel|>final<|message|>G[{{ m.content or '' }}<|end|>]G{% else %}<|start|>{{ m.role }}<|message|>{{ m.content or '' }}<|end|>{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
    ),
}
PLAIN = {name: body.replace("G[", "").replace("]G", "") for name, body in _BODY.items()}
MARKED = {name: body.replace("G[", "{% generation %}").replace("]G", "{% endgeneration %}") for name, body in _BODY.items()}


def _added(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in SPECIALS])
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in PLAIN_ADDED])
    return tokenizer


def byte_level(normalizer: Any = None, *, trim: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s+|."), "isolated"),
            pre_tokenizers.ByteLevel(False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim)
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(LINES, trainer)
    return _added(tokenizer)


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def llama_like() -> Tokenizer:
    """BPE with ▁ before the text by a normaliser, and byte fallback."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>", *BYTES], show_progress=False)
    tokenizer.train_from_iterator(LINES, trainer)
    return _added(tokenizer)


def unigram(scheme: str = "first", normalizer: Any = None) -> Tokenizer:
    """Unigram with Metaspace and byte fallback; its vocabulary has </s>, which an ordinary text must not become."""
    words = [f"▁{word}" for word in ("the", "answer", "to", "a", "question", "user", "assistant", "is", "of")]
    letters = sorted(set("".join(LINES)) - {" "})[:70]
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), *((byte, -9.0) for byte in BYTES), ("▁", -3.0)]
    tokenizer = Tokenizer(models.Unigram([*pieces, *((word, -2.0) for word in words), *((c, -4.0) for c in letters)], 0, True))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme=scheme)])
    return _added(tokenizer)


KINDS: dict[str, Callable[[], Tokenizer]] = {
    "byte-level": byte_level,
    "byte-level, NFC": lambda: byte_level(normalizers.NFC()),
    "byte-level, NFKC and lowercase, trimmed": lambda: byte_level(
        normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), trim=True
    ),
    "BPE with prepended spaces": llama_like,
    "Unigram, first": unigram,
    "Unigram, always, NFKC": lambda: unigram("always", normalizers.NFKC()),
    "Unigram, never": lambda: unigram("never"),
}


@cache
def backend(kind: str) -> str:
    text: str = KINDS[kind]().to_str()
    return text


def model(kind: str, template: str | None) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers has it."""
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    loaded: Any = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(backend(kind)), **names)
    loaded.chat_template = template
    return loaded
