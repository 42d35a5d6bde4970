"""token_losses of a served model: one question a sample, one more for each label that isn't the token in its place."""

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from glm4viz.errors import ModelError, VocabularyMismatch
from glm4viz.loss.results import Floats, IdArray, Report, Sample, TokenLosses, ids_and_labels, weights_of
from glm4viz.loss.served.dialects import Who
from glm4viz.loss.served.model import ServedModel, needs_key
from glm4viz.loss.served.scores import Scores
from glm4viz.loss.served.transport import Reply, Tick, ask
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.texts import both
from glm4viz.tokenizer import Tokenizer

MOST_LABELS = 32  # labels of one sample that are asked about one by one
ENTRY_BYTES = 512  # of an answer, for one token and each of its likeliest
FEWEST = 4  # tokens that must be named for a vocabulary to be judged by them

NO_ENTROPY = both("Servers don't give the entropy of a prediction: it is left out.", "服务器不提供预测的熵：此项空缺。")
SOME_RANKS = both(
    "This server gives no ranks: a token's is known only where it is among the likeliest.",
    "这个服务器不提供排名：只有当 token 在最可能的几个之中时，才知道它的排名。",
)
NO_LIKELIEST = both(
    "This server doesn't say which tokens are the likeliest by their ids: only their probabilities are shown.",
    "这个服务器不给出最可能的 token 的编号：只显示它们的概率。",
)
UNCHECKED = both(
    "The server doesn't say what its tokens stand for: whether its vocabulary is this one could not be checked.",
    "服务器没有说明它的 token 代表什么：无法核对两边的词表是否相同。",
)
LABELS_LEFT_OUT = both(
    f"More than {MOST_LABELS} labels differ from the tokens in their places; the server was asked about the first ones only. The others' "
    "losses are left out, of the training loss too.",
    f"有超过 {MOST_LABELS} 个标签与其位置上的 token 不同，只向服务器询问了靠前的那些；其余的损失空缺，也不计入训练损失。",
)


def served_losses(
    model: ServedModel,
    samples: Sequence[Sample],
    top_k: int,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[TokenLosses]:
    """`token_losses_batch` for a served model. Entropy is nan; `notes` says what else the server left out.

    label_nll of a label that isn't the token in its place: from the likeliest, else by asking about the tokens before it with the
    label behind them, up to 32 a sample. Raises ModelError and VocabularyMismatch.
    """
    report = Report(max(1, len(samples)), progress, cancelled)
    return [_losses(model, sample, top_k, report) for sample in samples]


def _losses(model: ServedModel, sample: Sample, top_k: int, report: Report) -> TokenLosses:
    ids, labels = ids_and_labels(sample)
    tokenizer = sample.tokenizer if isinstance(sample, LabelledSample) else None
    _check_ids(model, np.concatenate([ids, labels[labels != IGNORE]]), tokenizer)

    def tick() -> None:
        report(0.0)

    scores = Scores.blank(str(model.address), len(ids), top_k)
    if len(ids) > 1:
        scores = _ask(model, ids, top_k, tick)
    notes = [NO_ENTROPY] + ([SOME_RANKS] if (scores.rank[1:] < 0).any() else [])
    if tokenizer is not None and not _same_vocabulary(model, ids, scores.texts, tokenizer):
        notes.append(UNCHECKED)
    if (~np.isnan(scores.top_logprobs) & (scores.top_ids < 0)).any():
        notes.append(NO_LIKELIEST)
    label_nll, all_asked = _label_nll(model, ids, labels, scores, tick)
    report(1.0)
    return TokenLosses(
        nll=scores.nll,
        label_nll=label_nll,
        entropy=np.full(len(ids), np.nan, np.float32),
        rank=scores.rank,
        top_ids=scores.top_ids,
        top_logprobs=scores.top_logprobs,
        weights=weights_of(sample, len(ids)),
        notes=(*notes, *([] if all_asked else [LABELS_LEFT_OUT])),
    )


def _label_nll(model: ServedModel, ids: IdArray, labels: IdArray, scores: Scores, tick: Tick) -> tuple[Floats, bool]:
    """-log p(labels[i]), and whether it is known for all."""
    found = np.where(labels == ids, scores.nll, np.float32(np.nan)).astype(np.float32)
    asked = 0
    for i in np.flatnonzero((labels != IGNORE) & (labels != ids)).tolist():
        likely = np.flatnonzero(scores.top_ids[i] == labels[i])
        if i == 0:
            continue
        if len(likely):
            found[i] = -scores.top_logprobs[i, likely[0]]
            continue
        if asked == MOST_LABELS:
            return found, False
        asked += 1
        found[i] = _ask(model, np.append(ids[:i], labels[i]), 0, tick).nll[-1]
    return found, True


# One question ---------------------------------------------------------------------------------------------------------


def _ask(model: ServedModel, ids: IdArray, top_k: int, tick: Tick) -> Scores:
    if model.longest is not None and len(ids) >= model.longest:  # servers want room for one token more
        raise _too_long(model, len(ids))
    asked = ids.tolist()
    reply = ask(
        model.address,
        model.dialect.path,
        model.dialect.request(Who(model.served_name, model.adapter), asked, top_k),
        most=(1 << 20) + len(ids) * (top_k + 2) * ENTRY_BYTES,
        tick=tick,
    )
    if reply.status != 200:
        raise _refused(model, reply, len(ids), top_k)
    scores = Scores.blank(str(model.address), len(ids), top_k)
    model.dialect.read(reply.body, asked, scores)
    return scores


def _refused(model: ServedModel, reply: Reply, length: int, top_k: int) -> ModelError | VocabularyMismatch:
    """The sentence for a refusal. The server's own words are looked at but not repeated: they may hold the tokens."""
    said = " ".join(_strings(reply.body)).lower()[:100_000]
    if reply.status in (401, 403):
        return needs_key(model.address)
    if re.search(r"out of vocabulary|vocab size", said):
        return _other_vocabulary(model)
    if re.search(r"context length|max_model_len|maximum model length|longer than the m|too long", said):
        return _too_long(model, length)
    if re.search(r"max allowed|max_logprobs|logprobs? (must|should|is too|cannot)", said):
        return ModelError(
            f"{model.address} does not give the {top_k} likeliest tokens: vLLM's limit is 20 unless started with --max-logprobs. "
            "Ask for fewer (top_k).",
            f"{model.address} 不提供最可能的 {top_k} 个 token：vLLM 的上限为 20，除非启动时加上 --max-logprobs。请减小 top_k。",
        )
    if reply.status == 404:
        return ModelError(
            f"{model.address} doesn't know {model.dialect.path} or no longer serves this model. Load the model again.",
            f"{model.address} 没有 {model.dialect.path}，或不再提供这个模型。请重新加载。",
        )
    return ModelError(
        f"{model.address} refuses or fails (status {reply.status}). Its own log says why; its words are not repeated here, since they may "
        "hold the conversation.",
        f"{model.address} 拒绝或出错（状态 {reply.status}）。原因见它自己的日志；这里不转述它的话，因为其中可能含有对话内容。",
    )


def _strings(value: object, depth: int = 4) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner, depth - 1)


def _too_long(model: ServedModel, length: int) -> ModelError:
    limit = "" if model.longest is None else str(model.longest)
    return ModelError(
        f"The conversation has {length} tokens; {model.address} takes fewer than {limit or 'that'}. Cut it with max_length, or start the "
        "server with a longer limit (vLLM: --max-model-len, SGLang: --context-length).",
        f"这段对话有 {length} 个 token；{model.address} 只接受少于 {limit or '此数'}的长度。请用 max_length 截断，"
        "或以更大的上限启动服务器（vLLM：--max-model-len，SGLang：--context-length）。",
    )


# The vocabulary -------------------------------------------------------------------------------------------------------


def _check_ids(model: ServedModel, ids: IdArray, tokenizer: Tokenizer | None) -> None:
    """Raise VocabularyMismatch for ids that are no real token's: stand-ins for those of other model families."""
    stand_ins = [] if tokenizer is None else [i for name, i in tokenizer.named_ids.items() if name not in tokenizer.special_ids]
    if len(ids) and (ids.min() < 0 or np.isin(ids, stand_ins).any()):
        raise VocabularyMismatch(
            f"This sample has stand-in ids, which {model.name} doesn't know: its recipe is another model family's. Choose one that writes "
            "GLM-4's own tokens.",
            f"这条样本含有替代编号，{model.name} 不认识它们：所用配方属于别的模型系列。请选择写 GLM-4 自己的 token 的配方。",
        )


def _same_vocabulary(model: ServedModel, ids: IdArray, texts: Sequence[str | None], tokenizer: Tokenizer) -> bool:
    """Whether the server's tokens were seen to be this vocabulary's. Raises VocabularyMismatch where they are seen not to be.

    Compared are tokens of whole characters, by their text without spaces at its ends, which servers add and drop.
    """
    special = set(tokenizer.named_ids.values())
    same = compared = 0
    for token, theirs in zip(ids.tolist(), texts, strict=True):
        ours = "" if token in special else tokenizer.token_bytes(token).decode("utf-8", "replace")
        if theirs is None or "\ufffd" in ours or "\ufffd" in theirs or not ours.strip():
            continue
        compared += 1
        same += ours.strip() == theirs.strip()
    if compared >= FEWEST and 2 * same < compared:
        raise _other_vocabulary(model)
    return compared >= FEWEST


def _other_vocabulary(model: ServedModel) -> VocabularyMismatch:
    return VocabularyMismatch(
        f"{model.name} has another vocabulary: its tokens of these ids are not those of the sample. Serve a GLM-4 model, or label with "
        "the tokenizer of the model that is served.",
        f"{model.name} 的词表不同：这些编号在它那里不是样本中的 token。请提供 GLM-4 模型，或用所提供模型的分词器来标注。",
    )
