"""How each kind of server is asked about a row of token ids, and how its answer is read."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from glm4viz.loss.served.scores import Likely, Scores, as_list, missing, other_tokens, stale

TOKEN_ID = "token_id:"


class Who(NamedTuple):
    """A model of the server, and a LoRA on top of it or None."""

    base: str
    adapter: str | None


class Dialect(Protocol):
    """One kind of server."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def path(self) -> str:
        """Where it is asked."""
        ...

    def request(self, who: Who, ids: Sequence[int], top_k: int) -> dict[str, Any]:
        """The body of the request."""
        ...

    def read(self, body: Any, ids: Sequence[int], into: Scores) -> None:
        """Its answer. Raises ModelError for one that says nothing, or nothing that can be right, about these ids."""
        ...


@dataclass(frozen=True)
class Vllm:
    """vLLM's completions with `prompt_logprobs`; vllm-project/vllm at commit 002032ee, vllm/entrypoints/openai/completion/protocol.py.

    An answer's choice holds `prompt_logprobs`: null for the first token, then for each an object of the token itself and the
    likeliest k, {"<id>": {"logprob", "rank", "decoded_token"}}. Its rank counts from 1 the tokens that score at least as high
    (vllm/v1/sample/ops/logprobs.py), so equals count as higher. The salt keeps the prefix cache out of it: values for cached
    positions may be left over from another request (pull request 42245).
    """

    name: str = "vLLM"
    path: str = "/v1/completions"

    def request(self, who: Who, ids: Sequence[int], top_k: int) -> dict[str, Any]:
        return _completion(who, ids) | {"prompt_logprobs": top_k, "cache_salt": secrets.token_hex(16)}

    def read(self, body: Any, ids: Sequence[int], into: Scores) -> None:
        entries = as_list(_choice(body, into.address).get("prompt_logprobs"), into.address, len(ids))
        if len(entries) != len(ids):
            raise other_tokens(into.address)
        for i, entry in enumerate(entries[1:], 1):
            if not isinstance(entry, dict) or not entry:
                raise missing(into.address)
            own = entry.get(str(ids[i]))
            if own is None:
                raise other_tokens(into.address)
            if not all(isinstance(said, dict) for said in entry.values()):
                raise missing(into.address)
            likely = [(_id(token, into.address), said.get("logprob")) for token, said in entry.items()]
            into.put(i, own.get("logprob"), likely, own.get("rank"), own.get("decoded_token"))


@dataclass(frozen=True)
class Sglang:
    """SGLang's own `/generate`; sgl-project/sglang at commit 0025436e, python/sglang/srt/managers/io_struct.py and tokenizer_manager.py.

    `meta_info` of an answer holds `input_token_logprobs`, [logprob, id, text or null] a token, and `input_top_logprobs`, a list
    of such triples or null; the first token's are null. There are no ranks. With logprob_start_len 0 the radix cache isn't used.
    The last id of the vocabulary is answered as 0 (scheduler_output_processor_mixin.py). At temperature 1 the log-probabilities
    are the model's own.
    """

    name: str = "SGLang"
    path: str = "/generate"

    def request(self, who: Who, ids: Sequence[int], top_k: int) -> dict[str, Any]:
        asked = {
            "input_ids": list(ids),
            "sampling_params": {"max_new_tokens": 0, "temperature": 1.0},
            "return_logprob": True,
            "logprob_start_len": 0,
            "top_logprobs_num": top_k,
            "return_text_in_logprobs": True,
        }
        return asked if who.adapter is None else asked | {"lora_path": who.adapter}

    def read(self, body: Any, ids: Sequence[int], into: Scores) -> None:
        said = body.get("meta_info") if isinstance(body, dict) else None
        if not isinstance(said, dict):
            raise missing(into.address)
        if said.get("cached_tokens"):
            raise stale(into.address)
        own = as_list(said.get("input_token_logprobs"), into.address, len(ids))
        if len(own) != len(ids):
            raise other_tokens(into.address)
        wanted = into.top_ids.shape[1] > 0
        top = as_list(said.get("input_top_logprobs"), into.address, len(ids)) if wanted else [None] * len(ids)
        for i in range(1, len(ids)):
            logprob, token, text = _triple(own[i], into.address)
            if token not in (ids[i], 0):
                raise other_tokens(into.address)
            likely = [_triple(one, into.address) for one in as_list(top[i], into.address, 1)] if wanted else []
            into.put(i, logprob, [(_id(of, into.address), value) for value, of, _ in likely], text=text)


@dataclass(frozen=True)
class Echo:
    """OpenAI's older completions with `echo` and `logprobs`, for any other server that has them; vLLM does, at commit 030ea52e,
    vllm/entrypoints/openai/completion/serving.py.

    `logprobs` of a choice holds `tokens`, `token_logprobs` and `top_logprobs` ({token: logprob}), of the prompt and then of what
    was written. vLLM writes tokens as `token_id:…` when asked to; others give texts, from which no ids are made.
    """

    name: str = "completions with echo"
    path: str = "/v1/completions"

    def request(self, who: Who, ids: Sequence[int], top_k: int) -> dict[str, Any]:
        return _completion(who, ids) | {"echo": True, "logprobs": max(1, top_k), "return_tokens_as_token_ids": True}

    def read(self, body: Any, ids: Sequence[int], into: Scores) -> None:
        said = _choice(body, into.address).get("logprobs")
        if not isinstance(said, dict):
            raise missing(into.address)
        own, tokens = (as_list(said.get(name), into.address, len(ids)) for name in ("token_logprobs", "tokens"))
        if len(own) > len(ids) + 1 or len(tokens) != len(own):
            raise other_tokens(into.address)
        top: Any = said.get("top_logprobs")
        top = top if isinstance(top, list) else []
        for i in range(1, len(ids)):
            token = _named(tokens[i])
            if token not in (ids[i], -1):
                raise other_tokens(into.address)
            likely = top[i] if i < len(top) and isinstance(top[i], dict) and into.top_ids.shape[1] else {}
            into.put(i, own[i], _likely(likely), text=tokens[i] if token == -1 else None)


DIALECTS: Mapping[str, Dialect] = {"vllm": Vllm(), "sglang": Sglang()}  # by what its list of models says in `owned_by`
OTHER: Dialect = Echo()


# ---------------------------------------------------------------------------------------------------------------------


def _completion(who: Who, ids: Sequence[int]) -> dict[str, Any]:
    """What every request for completions asks for: these very tokens, and one more, since none at all isn't allowed everywhere."""
    return {"model": who.adapter or who.base, "prompt": list(ids), "max_tokens": 1, "temperature": 0, "add_special_tokens": False}


def _choice(body: Any, address: str) -> dict[str, Any]:
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise missing(address)
    return choices[0]


def _id(token: Any, address: str) -> int:
    """An id, as a number or in digits."""
    try:
        found = int(token)
    except (TypeError, ValueError):
        raise other_tokens(address) from None
    if not 0 <= found < 1 << 31:
        raise other_tokens(address)
    return found


def _triple(value: Any, address: str) -> tuple[Any, Any, Any]:
    if not isinstance(value, list) or len(value) < 2:
        raise missing(address)
    return value[0], value[1], value[2] if len(value) > 2 else None


def _named(token: Any) -> int:
    """The id in `token_id:…`, -1 for a text."""
    digits = token.removeprefix(TOKEN_ID) if isinstance(token, str) and token.startswith(TOKEN_ID) else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else -1


def _likely(top: dict[Any, Any]) -> Likely:
    return [(_named(token), value) for token, value in top.items()]
