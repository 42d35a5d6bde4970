"""One row for each record of a file: what it costs, its worst token, or why it has no loss. `COLUMNS` says what each column holds."""

import math
from typing import Any, Literal

import numpy as np

from glm4viz.conversation import ALL_ROLES
from glm4viz.loss.file import RecordLosses
from glm4viz.loss.results import TokenLosses, training_loss
from glm4viz.loss.sums import Counted, Sums, label_parts, role_names
from glm4viz.texts import Text, both

Row = dict[str, Any]
OTHER = "other"  # a role that GLM-4 has no name for, and what is trained outside of all messages
ROLES = (*ALL_ROLES, OTHER)
BEFORE = 60  # characters that are shown before the worst token

# What kind of number or text stands in a column, and what it says. Losses are in nats. null where there is nothing to tell.
COLUMNS: dict[str, tuple[Literal["int", "float", "str"], Text]] = {
    "file": ("str", both("the file the record stands in", "记录所在的文件")),
    "line": ("int", both("the line where it begins, from 1", "起始行，从 1 起")),
    "record": ("int", both("its number in what was read, from 0", "在读取顺序中的编号，从 0 起")),
    "recipe": ("str", both("the recipe's id", "配方编号")),
    "samples": ("int", both("how many samples the recipe makes of it", "配方由它得到几条样本")),
    "tokens": ("int", both("tokens, trained or not", "token 总数，不论是否训练")),
    "trained": ("int", both("labels with a loss", "计入损失的标签数")),
    "loss_sum": ("float", both("their losses together, weighed as the training weighs them", "这些标签的损失之和，按训练的权重计")),
    "loss_mean": ("float", both("loss_sum over trained: the training loss", "loss_sum 除以 trained，即训练损失")),
    "loss_max": ("float", both("the highest loss of a label", "单个标签的最高损失")),
    "perplexity": ("float", both("of the text (without special tokens), trained or not", "文本（不含特殊 token）的困惑度，不论是否训练")),
    "worst_sample": ("int", both("in which of its samples the label with loss_max stands, from 0", "loss_max 的标签在第几条样本，从 0 起")),
    "worst_position": ("int", both("at which token, from 0", "在第几个 token，从 0 起")),
    "worst_id": ("int", both("its id", "它的编号")),
    "worst_token": ("str", both("its text; bytes that are no character as \\x..", "它的文本；不成字符的字节写作 \\x..")),
    "worst_before": ("str", both("the text right before it", "紧挨在它前面的文本")),
    "worst_role": ("str", both("the role whose generation it teaches", "它所教的是哪个角色的生成")),
    "worst_part": ("str", both("its part; end: what ends an answer", "它属于哪个部分；end：结束回答的 token")),
    **{f"trained_{role}": ("int", both(f"trained labels that teach {role}", f"教 {role} 的标签数")) for role in ROLES},
    **{f"loss_sum_{role}": ("float", both(f"their losses, {role}", f"其损失之和（{role}）")) for role in ROLES},
    "error": ("str", both("why there is no loss: the kind of error", "没有损失的原因：错误种类")),
    "reason": ("str", both("the same in a sentence", "同上，一句话说明")),
    "reason_zh": ("str", both("the same in Chinese", "同上（中文）")),
}


def row_of(record: RecordLosses) -> Row:
    """The record's row; all columns are there, in order."""
    row: Row = dict.fromkeys(COLUMNS) | {"file": _writable(record.file), "line": record.line or None, "record": record.number}
    if record.error is not None:
        said = {"reason": _writable(record.error.sentence("en")), "reason_zh": _writable(record.error.sentence("zh"))}
        return row | {"error": type(record.error).__name__} | said
    sums, roles = Sums(), dict.fromkeys(ROLES, Sums())
    for sample, losses in zip(record.samples, record.losses, strict=True):
        counted, owner = Counted.of(sample, losses), role_names(sample)[sample.owner]
        everything = np.ones(len(sample), bool)
        sums += counted.within(everything, everything)
        for role in np.unique(owner[counted.labelled]).tolist():
            name = role if role in ALL_ROLES else OTHER
            roles[name] += counted.within(owner == role, ~everything)
    return row | {
        "recipe": record.samples[0].recipe.id if record.samples else None,
        "samples": len(record.samples),
        "tokens": sum(map(len, record.samples)),
        "trained": sums.trained,
        "loss_sum": sums.loss,
        "loss_mean": _known(training_loss(record.losses)),
        "perplexity": _known(sums.perplexity),
        **_worst(record),
        **{f"trained_{role}": of.trained for role, of in roles.items()},
        **{f"loss_sum_{role}": of.loss for role, of in roles.items()},
    }


# ---------------------------------------------------------------------------------------------------------------------


def _worst(record: RecordLosses) -> Row:
    """The label with the highest loss."""
    peaks = [_peak(losses) for losses in record.losses]
    known = [nth for nth, peak in enumerate(peaks) if peak is not None]
    if not known:
        return {}
    nth = max(known, key=lambda n: peaks[n] or 0.0)
    sample, losses = record.samples[nth], record.losses[nth]
    at = int(np.nanargmax(losses.label_nll))
    label = int(sample.labels[at])
    return {
        "loss_max": peaks[nth],
        "worst_sample": nth,
        "worst_position": at,
        "worst_id": label,
        "worst_token": sample.tokenizer.token_bytes(label).decode("utf-8", "backslashreplace"),
        "worst_before": b"".join(sample.token_bytes[max(0, at - BEFORE) : at]).decode("utf-8", "replace")[-BEFORE:],
        "worst_role": str(role_names(sample)[sample.owner[at]]),
        "worst_part": str(label_parts(sample)[at]),
    }


def _peak(losses: TokenLosses) -> float | None:
    known = losses.label_nll[~np.isnan(losses.label_nll)]
    return float(known.max()) if len(known) else None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _writable(text: str) -> str:
    """With half characters, which a file's name may have, as escapes: no table can hold them."""
    return text.encode("utf-8", "backslashreplace").decode()
