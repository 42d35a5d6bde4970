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
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from glm4viz.errors import TokenizerError
from glm4viz.fast import Encoder, Fast, load_fast, read_fast, trace
from glm4viz.fast import Ids as Ids
from glm4viz.fast import Offsets as Offsets
from glm4viz.fast import Traced as Traced

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
    families, which recipes write and this vocabulary lacks. `templates`: all by name; `variables`: what they may name, as bos_token.
    """

    def __init__(
        self,
        *,
        name: str,
        vocabulary: Mapping[int, bytes],
        encoder: Encoder,
        special_ids: Mapping[str, int],
        chat_template: str | Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        fast: Fast | None = None,
    ) -> None:
        self.name = name
        self.special_ids: dict[str, int] = dict(special_ids)
        self.templates = {"default": chat_template} if isinstance(chat_template, str) else dict(chat_template or {})
        self.chat_template = self.templates.get("default")
        self.variables = dict(variables or {})
        self._encoder, self._fast = encoder, fast
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
        if self._fast is not None:
            return list(self._fast.whole(text)[0].tolist())
        ids = []
        for special, part in self.split_specials(text):
            ids += [self.special_ids[part]] if special else self.encode(part)
        return ids

    def encode_many(self, texts: Sequence[str]) -> tuple[Ids, Offsets]:
        """Ordinary ids of all `texts`, flat int32 [N], and where each begins, int64 [len(texts) + 1]."""
        if not texts:
            return np.empty(0, np.int32), np.zeros(1, np.int64)
        return self._encoder(texts)

    def trace(self, text: str, *, specials: bool = False) -> Traced:
        """The tokens of `encode`, and where in the text they stand."""
        if self._fast is None:
            ids = np.array(self.encode(text, specials=specials), np.int32)
            return trace(text, ids, self.all_bytes(ids))
        ids, chars, untrimmed = (self._fast.whole if specials else self._fast.plain)(text)
        return trace(text, ids, self.all_bytes(ids), chars, untrimmed)

    @property
    def rewrites(self) -> tuple[str, ...]:
        """What the tokenizer may do to a text before it encodes it, in Hugging Face's words, such as NFC; () where tokens are the text."""
        return () if self._fast is None else self._fast.rewrites

    def with_template(self, chat_template: str) -> "Tokenizer":
        """This tokenizer with another chat template."""
        made = copy(self)
        made.templates, made.chat_template = {"default": chat_template}, chat_template
        return made

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


def read_tokenizer(source: Any = None) -> Tokenizer:
    """A vocabulary with its own special tokens and no others; `systems.registry.load_tokenizer` adds the stand-ins. Raises TokenizerError."""
    if source is None or (isinstance(source, str) and source in ("glm-4", "glm-4.5")):
        return _bundled("glm-4" if source is None else str(source))
    if not isinstance(source, str | Path):
        return from_transformers(source)
    directory = Path(source)
    if directory.is_dir() and not (directory / "tokenizer.json").exists() and (directory / "tokenizer.model").exists():
        return _from_tiktoken(directory)
    return from_transformers(load_fast(str(source)), name=str(source))


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


def from_transformers(loaded: Any, *, name: str = "") -> Tokenizer:
    """A fast tokenizer that transformers has loaded (or one of the `tokenizers` library), as it is now. Raises TokenizerError."""
    name = name or str(getattr(loaded, "name_or_path", "")) or type(loaded).__name__
    backend = getattr(loaded, "backend_tokenizer", loaded)
    if not hasattr(backend, "to_str"):
        raise TokenizerError(
            f"{name!r} has only a slow Python tokenizer; a fast one (tokenizer.json) is needed.",
            f"{name!r} 只有慢速的 Python 分词器；需要快速版本（tokenizer.json）。",
        )
    return from_tokenizers_json(
        backend.to_str(),
        name=name,
        chat_template=getattr(loaded, "chat_template", None),
        variables=getattr(loaded, "special_tokens_map", {}),
        split_specials=bool(getattr(loaded, "split_special_tokens", False)),
    )


def from_tokenizers_json(
    text: str,
    *,
    name: str,
    chat_template: str | Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    split_specials: bool = False,
) -> Tokenizer:
    """A Tokenizer from the text of a `tokenizer.json`; see `fast.read_fast` for which, and what counts as special. Raises TokenizerError."""
    found = read_fast(text, name, split_specials=split_specials)
    return Tokenizer(
        name=name,
        vocabulary=found.vocabulary,
        encoder=found.ordinary,
        special_ids=found.special_ids,
        chat_template=chat_template,
        variables=variables,
        fast=found,
    )
