"""A bundled vocabulary as a fast Hugging Face tokenizer: the peer to compare with, in speed and in ids, and the one that peers are given."""

from functools import cache

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers

from glm4viz.fast import byte_level_alphabet
from glm4viz.systems.registry import load_tokenizer
from glm4viz.tokenizer import SPLIT_PATTERN, VOCABULARY_SIZE, read_tokenizer


@cache
def hf_tokenizer(name: str = "glm-4") -> tokenizers.Tokenizer:
    """The tokenizer with the special tokens of `name`, "glm-4" or "glm-4.5"; takes a few seconds to build."""
    vocabulary, specials = load_tokenizer(), read_tokenizer(name).special_ids
    ranks = {vocabulary.token_bytes(rank): rank for rank in range(VOCABULARY_SIZE)}
    to_character = {byte: character for character, byte in byte_level_alphabet().items()}

    def written(token: bytes) -> str:
        return "".join(to_character[byte] for byte in token)

    # By rank, every way to make a token of two others: the reference merges any neighbours whose union is a token.
    pairs = ((token[:at], token[at:]) for token in ranks for at in range(1, len(token)) if token[:at] in ranks and token[at:] in ranks)
    bpe = models.BPE(
        # Special tokens stand in the vocabulary too, or the library would renumber them.
        vocab={written(token): rank for token, rank in ranks.items()} | specials,
        merges=[(written(left), written(right)) for left, right in pairs],
        ignore_merges=True,
    )
    tokenizer = tokenizers.Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT_PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(special, normalized=False, special=True) for special in specials])
    return tokenizer
