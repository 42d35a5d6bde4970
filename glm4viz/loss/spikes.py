"""Tokens of the template itself that a model finds all but impossible: a fault of the template, not of the data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from glm4viz.layout import PARTS
from glm4viz.loss.results import TokenLosses
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.texts import Text, Worded, both, fill, printable

HIGH = 10.0  # nats: 1 in 22,000

FOUND = both(
    "{what}: up to {worst:.1f} nats ({count} at {high:.0f} or more, such as {token} at position {position}). Such a loss on a token of the "
    "template is a fault of the template, not of the data. {cause}",
    "{what}：最高 {worst:.1f} nat（{count} 处达到 {high:.0f} 以上，例如位置 {position} 的 {token}）。模板 token 有这样的损失，是模板的问题，不是数据的问题。{cause}",
)
WHAT: Mapping[str, Text] = {
    "think": both("Thinking tags and the line end behind them", "思考标签及其后的换行"),
    "newline": both("The line end after a role tag", "角色标记后的换行"),
    "stop": both("The end of an answer", "回答的结尾"),
    "role_tag": both("A role tag inside an answer", "回答中的角色标记"),
    "tool_call": both("The markup of tool calls", "工具调用的标记"),
}
CAUSES: Mapping[str, Text] = {
    "think": both(
        "Likely: the recipe's template is of another GLM version than the model (GLM-4 knows no thinking tags; 4.5 opens with a line end and "
        "<think>, 4.7 with <think> alone), or it writes an empty thought where this model expects none.",
        "可能的原因：配方的模板与模型属于不同的 GLM 版本（GLM-4 没有思考标签；4.5 以换行加 <think> 开头，4.7 只有 <think>），或在模型不期待的地方写了空的思考。",
    ),
    "newline": both(
        "Likely: the recipe's template is of another GLM version than the model. GLM-4 and 4.5 write a line end after the role tag, 4.7 and "
        "later write none.",
        "可能的原因：配方的模板与模型属于不同的 GLM 版本。GLM-4 和 4.5 在角色标记后换行，4.7 及以后不换行。",
    ),
    "stop": both(
        "Likely: this model ends its answers with another token. GLM-4's end with the next role tag; a recipe that teaches <|endoftext|> or a "
        "tag of its own there teaches against it. Or the model never learned to stop.",
        "可能的原因：这个模型用别的 token 结束回答。GLM-4 以下一个角色标记结束；配方若在那里教 <|endoftext|> 或自己的标记，就与模型相违。也可能模型从未学会停下。",
    ),
    "role_tag": both(
        "Likely: the template opens a turn in the middle of an answer, for two assistant messages in a row or for a role that this model's "
        "template writes otherwise.",
        "可能的原因：模板在回答中间又开了一轮，例如连续两条助手消息，或某个角色在该模型的模板里写法不同。",
    ),
    "tool_call": both(
        "Likely: the recipe writes calls as another GLM version does. GLM-4 writes the name behind the role tag, 4.5 and later write "
        "<tool_call> and <arg_key>.",
        "可能的原因：配方按另一个 GLM 版本的写法写工具调用。GLM-4 把名称写在角色标记后面，4.5 及以后写 <tool_call> 和 <arg_key>。",
    ),
}


@dataclass(frozen=True)
class Spike(Worded):
    """One kind of template token with a loss of 10 nats or more. kind: a key of CAUSES; worst: the highest, which stands at `position`."""

    kind: str
    count: int
    worst: float
    position: int
    said: Text


def find_spikes(sample: LabelledSample, losses: TokenLosses) -> tuple[Spike, ...]:
    """The kinds that have one, worst first. What is taught counts where it differs from what stands there.

    Only tokens that the model itself writes, in an answer or right behind it, are looked at: nobody teaches a chat model the rest.
    """
    trained = sample.labels != IGNORE
    tokens = np.where(trained, sample.labels, sample.input_ids)
    nll = np.where(trained, losses.label_nll, losses.nll)
    written = np.concatenate([[False], sample.roles[:-1] == "assistant"]) if len(sample) else np.zeros(0, bool)
    kinds = _kinds(sample, tokens)
    high = written & (np.nan_to_num(nll, nan=-1.0) >= HIGH)
    found = []
    for kind, what in WHAT.items():
        where = np.flatnonzero(high & (kinds == kind))
        if len(where):
            at = int(where[np.argmax(nll[where])])
            token = printable(sample.tokenizer.token_bytes(int(tokens[at])).decode("utf-8", "backslashreplace"))
            said = fill(FOUND, what=what, worst=float(nll[at]), count=len(where), high=HIGH, token=token, position=at, cause=CAUSES[kind])
            found.append(Spike(kind, len(where), float(nll[at]), at, said))
    return tuple(sorted(found, key=lambda spike: -spike.worst))


def _kinds(sample: LabelledSample, tokens: Any) -> Any:
    """Which kind of template token each is, "" for what the conversation's author wrote."""
    part = np.array(PARTS)[sample.part_codes]
    special = np.isin(tokens, list(sample.tokenizer.named_ids.values()))
    stops = [sample.tokenizer.named_ids[name] for name in sample.recipe.stops if name in sample.tokenizer.named_ids]
    kinds = np.full(len(sample), "", dtype="<U9")
    before = np.concatenate([[""], part[:-1]])
    kinds[part == "newline"] = "newline"
    kinds[(special & (part == "think")) | ((part == "newline") & (before == "think"))] = "think"
    kinds[special & np.isin(part, ["tool_call", "arguments"])] = "tool_call"
    kinds[part == "role_tag"] = "role_tag"
    kinds[(part == "stop") | np.isin(tokens, stops)] = "stop"
    return kinds
