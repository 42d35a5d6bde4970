"""InternLM's own fine-tuning, InternEvo's alpaca_tokenizer.py: one question, one answer, and the mask in the sign of the ids.

What is not to be trained is stored as −id. That works for every id but 0.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import LabelledSample, Mask, Recipe, Rows, Source
from glm4viz.systems.chatglm import as_formatted, question_answer_pairs

# What InternLM's tokenizers make tokens of wherever it stands in a text.
INTERNLM_SPECIALS = {
    name: 151_552 + i for i, name in enumerate(("<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|User|>", "<|Bot|>", "<eoh>", "<eoa>"))
}


def alpaca(messages: Sequence[Message], w: Writer) -> None:
    """<s> <|User|>:question <eoh>⏎ <|Bot|>: answer <eoa>⏎ </s>, where all from the answer on is trained."""
    pairs = question_answer_pairs(messages, "InternEvo (alpaca)")
    if len(pairs) > 1:
        raise RecipeRejects(
            "InternEvo's alpaca format holds a single turn: one question and one answer. Split the conversation.",
            "InternEvo 的 alpaca 格式只有一轮：一问一答。请把对话拆开。",
        )
    question, answer = pairs[0]
    w.special("<s>", "prefix")
    w.text(Segment("role_tag", "<|User|>:", question), as_formatted(messages, question), specials=INTERNLM_SPECIALS)
    w.special("<eoh>", "separator", message=question)
    w.text(Segment("separator", "\n", question))
    w.text(Segment("role_tag", "<|Bot|>:", answer), specials=INTERNLM_SPECIALS)
    w.text(as_formatted(messages, answer), mask=True, specials=INTERNLM_SPECIALS)
    w.special("<eoa>", "stop", message=answer, mask=True)
    w.text(Segment("separator", "\n", answer), mask=True)
    w.special("</s>", "stop", mask=True, owner=answer)


def has_a_sign(rows: Rows, special_ids: dict[str, int]) -> Mask:  # noqa: ARG001
    """Trained is what is greater than 0, and −0 is 0."""
    return rows.mask & (rows.ids > 0)


def cut_and_end(sample: LabelledSample, max_length: Any) -> LabelledSample:
    """The text is cut right, and </s> put after whatever is left."""
    if max_length is None or len(sample) <= max_length:
        return sample
    return sample.take(np.append(np.arange(max_length - 1), len(sample) - 1))


RECIPES = (
    Recipe(
        id="internlm-alpaca",
        system="InternLM",
        source=Source("InternLM/InternEvo", "tools/alpaca_tokenizer.py", "c628a8c", "2024-03-28"),
        rule={
            "en": "Trained are the answer, its end <eoa>, the newline after it and the final </s>. The question and both role tags are not. "
            "The model stops at <eoa>.",
            "zh": "训练回答、它的结束标记 <eoa>、后面的换行和末尾的 </s>。问题和两个角色标签都不训练。模型在 <eoa> 处停止。",
        },
        max_length={
            "en": "2048 in the script: what is longer is cut right to one less, then </s> is put at the end, and trained",
            "zh": "脚本里是 2048：超长时只保留前面的部分（少一个），末尾再放上 </s>，并且参与训练",
        },
        layout=alpaca,
        stand_ins=INTERNLM_SPECIALS,
        remask=has_a_sign,
        fit=cut_and_end,
        quirks=(
            {
                "en": "A cut answer is taught to end where it was cut, because </s> is forced after it.",
                "zh": "被截断的回答会学到在截断处结束，因为后面总会放上 </s>。",
            },
            {
                "en": "Id 0 has no sign, so it is never trained: in GLM-4's vocabulary that is the exclamation mark.",
                "zh": "编号 0 没有正负号，所以从不训练：在 GLM-4 的词表里它是感叹号 !。",
            },
            {
                "en": "The script shifts the labels itself; here they stand at their own tokens, like everywhere else.",
                "zh": "脚本自己会把标签错开一位；这里的标签和别处一样，放在各自的 token 上。",
            },
        ),
    ),
)
