"""GLM-4's vocabulary: text to ids and back to bytes, with an explicit policy for special tokens.

The real vocabulary travels inside the `splintr-rs` package, so nothing is downloaded. Its bytes are checked against the
hash of glm-4-9b-chat's `tokenizer.model` before use. Only the ranks are taken from there: the special tokens are our own
table, because the package mixes in tokens that GLM-4 never had.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from glm4viz.errors import TokenizerError

Ids = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Encoder = Callable[[Sequence[str]], tuple[Ids, Offsets]]

VOCABULARY_SIZE = 151_329
VOCABULARY_SHA256 = "5a493598071550244b2ee7f26118f3edec2150b9dfa967929a99052ac83fe716"
SPLIT_PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def _numbered(first: int, names: str) -> dict[str, int]:
    return {name: first + i for i, name in enumerate(names.split())}


GLM4_SPECIALS = _numbered(
    151_329,
    "<|endoftext|> [MASK] [gMASK] [sMASK] <sop> <eop> <|system|> <|user|> <|assistant|> <|observation|> "
    "<|begin_of_image|> <|end_of_image|> <|begin_of_video|> <|end_of_video|>",
)
GLM45_SPECIALS = GLM4_SPECIALS | _numbered(
    151_343,
    "<|begin_of_audio|> <|end_of_audio|> <|begin_of_transcription|> <|end_of_transcription|> <|code_prefix|> <|code_middle|> "
    "<|code_suffix|> <think> </think> <tool_call> </tool_call> <tool_response> </tool_response> <arg_key> </arg_key> <arg_value> "
    "</arg_value> /nothink <|begin_of_box|> <|end_of_box|> <|image|> <|video|>",
)
GLM_TAGS = ("[gMASK]", "<sop>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")

# ---------------------------------------------------------------------------------------------------------------------


class Tokenizer:
    """A byte-level BPE vocabulary and its special tokens, GLM-4's or another model's. Immutable; safe to share between threads.

    `name` says where it came from, `special_ids` maps a special token's name to its id, `chat_template` is the jinja text of
    a model directory (None for the bundled vocabulary). `named_ids` has `special_ids` and the stand-ins: special tokens of other
    families, which recipes write and this vocabulary lacks.
    """

    def __init__(
        self,
        *,
        name: str,
        vocabulary: Mapping[int, bytes],
        encoder: Encoder,
        special_ids: Mapping[str, int],
        chat_template: str | None = None,
    ) -> None:
        self.name = name
        self.special_ids: dict[str, int] = dict(special_ids)
        self.chat_template = chat_template
        self._encoder = encoder
        self._name({**vocabulary}, self.special_ids)
        self.specials_pattern = _any_of(frozenset(self.special_ids))

    def _name(self, vocabulary: dict[int, bytes], named_ids: Mapping[str, int]) -> None:
        self.named_ids = dict(named_ids)
        self._bytes = MappingProxyType(vocabulary | {i: name.encode() for name, i in named_ids.items()})
        self._sizes = np.zeros(max(self._bytes, default=-1) + 1, np.int32)
        self._sizes[list(self._bytes)] = [len(b) for b in self._bytes.values()]

    def with_stand_ins(self, stand_ins: Mapping[str, int]) -> "Tokenizer":
        """This tokenizer with more names, each with its id; itself if it has them all. A special token of its own keeps its own id."""
        if stand_ins.keys() <= self.named_ids.keys():
            return self
        made = copy(self)
        made._name(dict(self._bytes), {**stand_ins, **self.named_ids})
        return made

    def require(self, names: Collection[str]) -> None:
        """Raise TokenizerError unless all these special tokens are there: GLM-4's tags, for a recipe that writes them."""
        if missing := [name for name in names if name not in self.special_ids]:
            raise TokenizerError(
                f"{self.name} has no {', '.join(missing)}: GLM-4's layout can't be written with this vocabulary. Use a GLM-4 tokenizer.",
                f"{self.name} 里没有 {'、'.join(missing)}：用这个词表写不出 GLM-4 的格式。请换用 GLM-4 的分词器。",
            )

    def named_id(self, name: str) -> int:
        """The id of a special or stand-in token. Raises TokenizerError."""
        try:
            return self.named_ids[name]
        except KeyError:
            raise TokenizerError(
                f"{self.name} has no special token {name}. Load a tokenizer that has it, or name it among the recipe's stand_ins.",
                f"{self.name} 里没有特殊 token {name}。请加载包含它的分词器，或把它写进配方的 stand_ins。",
            ) from None

    def encode(self, text: str, *, specials: bool = False) -> list[int]:
        """Ids of `text`. With `specials`, names of special tokens in it become their ids; else they stay ordinary text."""
        if not specials:
            ids: list[int] = self.encode_many([text])[0].tolist()
            return ids
        ids = []
        for special, part in self.split_specials(text):
            ids += [self.special_ids[part]] if special else self.encode(part)
        return ids

    def encode_many(self, texts: Sequence[str]) -> tuple[Ids, Offsets]:
        """Ordinary ids of all `texts`, flat int32 [N], and where each begins, int64 [len(texts) + 1]."""
        if not texts:
            return np.empty(0, np.int32), np.zeros(1, np.int64)
        return self._encoder(texts)

    def split_specials(self, text: str, names: frozenset[str] | None = None) -> list[tuple[bool, str]]:
        """`text` cut into (is_special, part), in order, without empty parts. Special are `names`, by default all special tokens."""
        parts, end = [], 0
        for match in (self.specials_pattern if names is None else _any_of(names)).finditer(text):
            parts += [(False, text[end : match.start()]), (True, match.group())]
            end = match.end()
        return [part for part in (*parts, (False, text[end:])) if part[1]]

    def has(self, token_id: int) -> bool:
        """Whether there is such a token."""
        return int(token_id) in self._bytes

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes a token stands for; for special and stand-in ids, the bytes of their name."""
        try:
            return self._bytes[int(token_id)]
        except KeyError:
            raise TokenizerError(f"{self.name} has no token {token_id}.", f"{self.name} 里没有编号为 {token_id} 的 token。") from None

    def all_bytes(self, ids: Ids) -> list[bytes]:
        """`token_bytes` of every id, quickly."""
        try:
            return list(map(self._bytes.__getitem__, ids.tolist()))
        except KeyError as error:
            return [self.token_bytes(error.args[0])]  # raises, with a sentence

    def token_sizes(self, ids: Ids) -> Ids:
        """How many bytes each token has, int32 like `ids`."""
        return self._sizes[ids]


@lru_cache(maxsize=32)
def _any_of(names: frozenset[str]) -> re.Pattern[str]:
    # Longest first: a name may begin with another one. Of no names there is none to find.
    return re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or "(?!)")


# ---------------------------------------------------------------------------------------------------------------------


def read_tokenizer(source: str | Path | None = None) -> Tokenizer:
    """A vocabulary with its own special tokens and no others; `systems.registry.load_tokenizer` adds the stand-ins. Raises TokenizerError."""
    if source in (None, "glm-4", "glm-4.5"):
        return _bundled("glm-4" if source is None else str(source))
    directory = Path(source)
    if directory.is_dir() and not (directory / "tokenizer.json").exists() and (directory / "tokenizer.model").exists():
        return _from_tiktoken(directory)
    return _from_transformers(str(source))


def _bundled(name: str) -> Tokenizer:
    import splintr

    packaged = splintr.Tokenizer.from_pretrained("glm4")
    vocabulary = {i: packaged.decode_token_bytes(i) for i in range(VOCABULARY_SIZE)}
    model = b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in vocabulary.items())
    if hashlib.sha256(model).hexdigest() != VOCABULARY_SHA256:
        raise TokenizerError(
            "The vocabulary inside splintr-rs is not GLM-4's (its checksum differs). Install the version named in requirements.txt.",
            "splintr-rs 里的词表不是 GLM-4 的（校验和不符）。请安装 requirements.txt 里写明的版本。",
        )
    specials = GLM45_SPECIALS if name == "glm-4.5" else GLM4_SPECIALS
    return Tokenizer(name=name, vocabulary=vocabulary, encoder=_splintr_encoder(model), special_ids=specials)


def _splintr_encoder(model: bytes) -> Encoder:
    import splintr

    engine = splintr.Tokenizer.from_bytes(model, SPLIT_PATTERN, {})

    def encode(texts: Sequence[str]) -> tuple[Ids, Offsets]:
        ids, offsets = engine.encode_batch_flat(texts)
        return np.frombuffer(ids, "<i4"), np.frombuffer(offsets, "<i8")

    return encode


def _from_tiktoken(directory: Path) -> Tokenizer:
    path = directory / "tokenizer.model"
    model = path.read_bytes()
    try:
        pairs = [line.split() for line in model.splitlines() if line]
        vocabulary = {int(rank): base64.b64decode(token, validate=True) for token, rank in pairs}
    except (ValueError, binascii.Error):
        raise TokenizerError(
            f"{path} is not a tiktoken-style vocabulary (lines of base64 and rank); a SentencePiece model has the same file name. "
            "Use a GLM-4 directory.",
            f"{path} 不是 tiktoken 格式的词表（每行一个 base64 和序号）；SentencePiece 模型也叫这个文件名。请使用 GLM-4 的目录。",
        ) from None
    specials: Mapping[str, int] = {}
    config = _json_file(directory / "tokenizer_config.json")
    if "added_tokens_decoder" in config:
        specials = {token["content"]: int(i) for i, token in config["added_tokens_decoder"].items()}
    elif hashlib.sha256(model).hexdigest() == VOCABULARY_SHA256:
        specials = GLM4_SPECIALS  # GLM-4's own file alone: its tags are known
    template = config.get("chat_template")
    return Tokenizer(
        name=directory.name,
        vocabulary=vocabulary,
        encoder=_splintr_encoder(model),
        special_ids=specials,
        chat_template=template if isinstance(template, str) else None,
    )


def _json_file(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise TokenizerError(f"{path} is not valid JSON.", f"{path} 不是合法的 JSON。") from None
    return value if isinstance(value, dict) else {}


# ---------------------------------------------------------------------------------------------------------------------


def _from_transformers(source: str) -> Tokenizer:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise TokenizerError(
            "Loading a model's tokenizer needs transformers: pip install 'glm4viz[loss]'.",
            "加载模型自带的分词器需要 transformers：pip install 'glm4viz[loss]'。",
        ) from None
    try:
        loaded = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except Exception as error:  # transformers raises many kinds, down to KeyError, for a source that is no tokenizer
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TokenizerError(
            f"No tokenizer could be loaded from {source!r}: {reason}",
            f"无法从 {source!r} 加载分词器：{reason}",
        ) from error
    if not getattr(loaded, "is_fast", False):
        raise TokenizerError(
            f"{source!r} has only a slow Python tokenizer; a fast one (tokenizer.json) is needed.",
            f"{source!r} 只有慢速的 Python 分词器；需要快速版本（tokenizer.json）。",
        )
    template = getattr(loaded, "chat_template", None)
    return from_tokenizers_json(
        loaded.backend_tokenizer.to_str(), name=source, chat_template=template if isinstance(template, str) else None
    )


def from_tokenizers_json(text: str, *, name: str, chat_template: str | None = None) -> Tokenizer:
    """A Tokenizer from the text of a `tokenizer.json`; byte-level vocabularies only. Raises TokenizerError."""
    import tokenizers

    description = json.loads(text)
    if '"ByteLevel"' not in json.dumps([description.get("pre_tokenizer"), description.get("decoder")]):
        raise TokenizerError(
            f"{name} is not a byte-level vocabulary, so its tokens' bytes aren't exact. Use a GLM-4 tokenizer.",
            f"{name} 不是字节级词表，无法给出 token 的准确字节。请换用 GLM-4 的分词器。",
        )
    specials = {token["content"]: token["id"] for token in description["added_tokens"]}
    # Without its added tokens the engine can't make a special id out of text: that is the ordinary encoding.
    bare = description | {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
    engine = tokenizers.Tokenizer.from_str(json.dumps(bare))
    to_byte = _byte_level_alphabet()
    vocabulary = {
        i: bytes(to_byte[c] for c in token) for token, i in description["model"]["vocab"].items() if all(c in to_byte for c in token)
    }

    def encode(texts: Sequence[str]) -> tuple[Ids, Offsets]:
        rows = [encoding.ids for encoding in engine.encode_batch_fast(list(texts), add_special_tokens=False)]
        offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return np.fromiter((i for row in rows for i in row), np.int32, int(offsets[-1])), offsets

    return Tokenizer(name=name, vocabulary=vocabulary, encoder=encode, special_ids=specials, chat_template=chat_template)


def _byte_level_alphabet() -> dict[str, int]:
    """The byte each character of a byte-level vocabulary stands for: printable Latin-1 is itself, the rest follows from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(0x100 + i): b for i, b in enumerate(others)}
