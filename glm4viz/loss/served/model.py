"""ServedModel: a model on a listed server, what kind of server it is, and how much it takes."""

from dataclasses import dataclass, replace
from typing import Any

from glm4viz.errors import ModelError
from glm4viz.loss.served.address import Address, listed
from glm4viz.loss.served.dialects import DIALECTS, OTHER, Dialect
from glm4viz.loss.served.transport import Reply, ask
from glm4viz.texts import printable

LISTING = 1 << 20  # bytes of a list of models
LONGEST_NAME = 200


@dataclass(frozen=True)
class ServedModel:
    """One model of one server. `served_name` is the base model's there, `adapter` a LoRA's or None.

    `longest` is how many tokens the server takes, None where it doesn't say. Nothing is kept open between two questions.
    """

    address: Address
    served_name: str
    dialect: Dialect
    longest: int | None
    adapter: str | None = None

    @property
    def name(self) -> str:
        return f"{self.adapter or self.served_name} @ {self.address}"

    @property
    def short_name(self) -> str:
        """The last part of its name there, or of its LoRA's."""
        return (self.adapter or self.served_name).rstrip("/").rpartition("/")[2]

    @property
    def described(self) -> str:
        """Where the numbers come from, in a few words."""
        return f"{self.dialect.name} · {self.address}"

    def without_adapter(self) -> "ServedModel":
        """The base model alone."""
        return replace(self, adapter=None)


def connect(source: str, adapter: str | None = None) -> ServedModel:
    """The first model of a server, or the LoRA of this name there. Raises ModelError, also for a server that isn't listed.

    Servers name themselves in `owned_by` of `/v1/models`: "vllm", "sglang" (which also says `max_model_len`) and "llamacpp".
    """
    address = listed(source)
    reply = ask(address, "/v1/models", most=LISTING)
    cards = _cards(reply, address)
    if "llama.cpp" in reply.server.lower() or any(card.get("owned_by") == "llamacpp" for card in cards):
        raise _is_llama_cpp(address)
    names = [str(card["id"]) for card in cards]
    if adapter is not None and adapter not in names:
        shown = ", ".join(printable(name) for name in names[:10])
        raise ModelError(
            f"{address} serves no model named {adapter}. It serves: {shown}.",
            f"{address} 没有名为 {adapter} 的模型。它提供：{shown}。",
        )
    longest = cards[0].get("max_model_len")
    return ServedModel(
        address,
        next(name for name in names if name != adapter) if len(names) > 1 else names[0],
        DIALECTS.get(str(cards[0].get("owned_by")), OTHER),
        longest if isinstance(longest, int) and longest > 1 else None,
        adapter,
    )


def _cards(reply: Reply, address: Address) -> list[dict[str, Any]]:
    if reply.status in (401, 403):
        raise needs_key(address)
    data = reply.body.get("data") if isinstance(reply.body, dict) else None
    cards = [card for card in data if isinstance(card, dict) and _is_name(card.get("id"))] if isinstance(data, list) else []
    if reply.status != 200 or not cards:
        raise ModelError(
            f"{address} has no list of models at /v1/models (status {reply.status}). Is it the address of a vLLM or SGLang server, "
            "without the path of a single call?",
            f"{address} 的 /v1/models 没有模型列表（状态 {reply.status}）。这是 vLLM 或 SGLang 服务器的地址吗？不要带具体接口的路径。",
        )
    return cards


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME


def needs_key(address: Address) -> ModelError:
    """The sentence for a server that wants to know who asks."""
    return ModelError(
        f"{address} asks for a key, and glm4viz sends none. Ask a server that needs none, such as one on this machine or behind a tunnel.",
        f"{address} 要求密钥，而 glm4viz 不发送密钥。请使用不需要密钥的服务器，例如本机或隧道后面的。",
    )


def _is_llama_cpp(address: Address) -> ModelError:
    # ggml-org/llama.cpp issue 27174: `echo` with `logprobs` gives the written tokens' values only, and no error.
    return ModelError(
        f"{address} is llama.cpp's server, which leaves the log-probabilities of a prompt out without a word, so there are no losses to be "
        "had from it. Serve the model with vLLM or SGLang, or load its safetensors here.",
        f"{address} 是 llama.cpp 的服务器。它会悄悄略去提示的对数概率，因此得不到损失。请用 vLLM 或 SGLang 提供该模型，或在这里加载它的 safetensors。",
    )
