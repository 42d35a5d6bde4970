"""Why a token is or isn't trained, in words: one clause for each kind of token, in English and in Chinese."""

import numpy as np
import numpy.typing as npt

from glm4viz.layout import PARTS
from glm4viz.reading.thoughts import thoughts
from glm4viz.recipe import LabelledSample
from glm4viz.texts import Text

REASONS: dict[str, Text] = {
    "prefix": {
        "en": "Not trained: the prefix is always given, never generated.",
        "zh": "不训练：前缀总是事先给定，从不由模型生成。",
    },
    "tools_given": {
        "en": "Not trained: the tools stand in the prompt, which is given and never generated.",
        "zh": "不训练：工具说明在提示词里，总是事先给定，从不由模型生成。",
    },
    "masked_role": {
        "en": "Not trained: it belongs to a message whose role this recipe masks. It is read, not learned.",
        "zh": "不训练：它所在消息的角色被这个配方屏蔽。模型只读它，不学它。",
    },
    "own_tag_masked": {
        "en": "Not trained: the program puts the <|assistant|> tag there to make the model answer; the token before it is not part of an answer.",
        "zh": "不训练：<|assistant|> 标签由程序放上，用来让模型开始回答；它前面的 token 不属于回答。",
    },
    "end_masked": {
        "en": "Not trained: the last token was appended, but no answer stands before it (or this recipe never trains it).",
        "zh": "不训练：这是追加的末尾 token，但它前面不是回答（或者这个配方从不训练它）。",
    },
    "answer_masked": {
        "en": "Not trained, though it belongs to an answer: this recipe's rule leaves it out.",
        "zh": "虽属于回答，但不训练：这个配方的规则没有选中它。",
    },
    "thought_masked": {
        "en": "Not trained: it belongs to the thought before an answer, which this recipe gives the model to read but not to learn.",
        "zh": "不训练：它属于回答之前的思考；这个配方让模型读它，但不学它。",
    },
    "empty_thought_masked": {
        "en": "Not trained: an empty thought. It is given: the model neither learns to write it nor to think here.",
        "zh": "不训练：这是空的思考，事先给定；模型在这里既不学写它，也不学思考。",
    },
    "call_masked": {
        "en": "Not trained, though it is part of a call, which the model has to write itself: this recipe's rule leaves it out.",
        "zh": "虽属于工具调用，需要模型自己写出，但不训练：这个配方的规则没有选中它。",
    },
    "next_tag": {
        "en": "Trained: it is the tag right after an answer. GLM-4 has no end-of-turn token, so this tag is the stop signal the model must learn to produce.",
        "zh": "训练：它是紧跟在回答后面的标签。GLM-4 没有专门的结束 token，这个标签就是模型必须学会生成的停止信号。",
    },
    "hand_over": {
        "en": "Trained: the tag right after an answer. Another assistant message follows, so the model learns to go on, as it does from a thought to a call.",
        "zh": "训练：它是紧跟在回答后面的标签。后面还是 assistant 消息，所以模型学到的是继续，例如先思考、再调用工具。",
    },
    "end": {
        "en": "Trained: it was appended after the last answer, so that the model learns to stop there.",
        "zh": "训练：它追加在最后一个回答之后，让模型学会在这里停下。",
    },
    "own_tag": {
        "en": "Trained: this recipe counts the <|assistant|> tag as part of the answer.",
        "zh": "训练：这个配方把 <|assistant|> 标签也算作回答的一部分。",
    },
    "thought": {
        "en": "Trained: it belongs to the thought that the model has to write before its answer.",
        "zh": "训练：它属于模型在回答之前要写出的思考。",
    },
    "empty_thought": {
        "en": "Trained: an empty thought. The model learns to answer here without thinking.",
        "zh": "训练：这是空的思考。模型在这里学到的是不思考就回答。",
    },
    "call": {
        "en": "Trained: it is part of a call's markup or of the function's name, which the model has to write to call a tool.",
        "zh": "训练：它是调用的标记或函数名，模型要调用工具就必须写出它。",
    },
    "arguments": {
        "en": "Trained: it is part of a call's arguments, which the model has to write itself.",
        "zh": "训练：它是调用的参数，需要模型自己写出。",
    },
    "answer": {
        "en": "Trained: it is part of an answer, which the model has to produce itself.",
        "zh": "训练：它是回答的一部分，需要模型自己生成。",
    },
    "not_an_answer": {
        "en": "Trained, though nobody wants the model to write it: it is not part of an answer.",
        "zh": "训练了，但本不该让模型学写它：它不属于回答。",
    },
}
ORDER = tuple(REASONS)


def reasons(sample: LabelledSample) -> npt.NDArray[np.uint8]:
    """uint8 [T]: for each token the index in ORDER of the clause that explains its label."""
    trained, own = sample.trained, sample.owner == sample.message_index
    is_tag, is_end = sample.part_codes == PARTS.index("role_tag"), sample.part_codes == PARTS.index("stop")
    in_answer = sample.roles == "assistant"
    owner_answers = np.array([*(m["role"] == "assistant" for m in sample.messages), False])[sample.owner]
    think, call, arguments = (sample.part_codes == PARTS.index(part) for part in ("think", "tool_call", "arguments"))
    empty = think & np.isin(sample.message_index, [thought.message for thought in thoughts(sample) if thought.written == "empty"])
    cases = [
        (trained & is_end & owner_answers, "end"),
        (trained & is_tag & own & in_answer, "own_tag"),
        (trained & is_tag & owner_answers & in_answer, "hand_over"),
        (trained & is_tag & owner_answers, "next_tag"),
        (trained & empty & owner_answers, "empty_thought"),
        (trained & think & owner_answers, "thought"),
        (trained & call & owner_answers, "call"),
        (trained & arguments & owner_answers, "arguments"),
        (trained & owner_answers, "answer"),
        (trained, "not_an_answer"),
        (is_end, "end_masked"),
        ((sample.message_index < 0) & (sample.part_codes == PARTS.index("tools")), "tools_given"),
        (sample.message_index < 0, "prefix"),
        (is_tag & in_answer, "own_tag_masked"),
        (empty & in_answer, "empty_thought_masked"),
        (think & in_answer, "thought_masked"),
        ((call | arguments) & in_answer, "call_masked"),
        (in_answer, "answer_masked"),
    ]
    picked = np.select([case for case, _ in cases], [ORDER.index(name) for _, name in cases], ORDER.index("masked_role"))
    return picked.astype(np.uint8)
