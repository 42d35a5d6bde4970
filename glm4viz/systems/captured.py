"""What a run really fed, as a recipe: it writes nothing, its samples were captured. It isn't among `recipes()`."""

from collections.abc import Sequence

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Writer
from glm4viz.recipe import Recipe, Source
from glm4viz.texts import both


def refuse(messages: Sequence[Message], w: Writer) -> None:  # noqa: ARG001 — a layout's arguments
    """There is nothing to lay out: a conversation either comes with the sample that a run fed, or it doesn't."""
    raise RecipeRejects(
        "Nothing was captured of this conversation. Open a capture file (*.glm4viz.json.gz), which save_capture writes of a real batch, or "
        "choose another recipe.",
        "这段对话没有捕获到的样本。请打开捕获文件（*.glm4viz.json.gz，由 save_capture 从真实批次写出），或选择其他配方。",
    )


CAPTURED = Recipe(
    id="captured",
    system="captured",
    source=Source("glm4viz", "glm4viz/systems/captured.py", "", ""),
    rule=both(
        "Ids and labels are those that a run fed its model; nothing is made anew. Messages and roles are found by the tokenizer's own role "
        "tags, and what can't be told stands outside messages.",
        "input_ids 和 labels 就是某次训练实际输入模型的内容，没有重新生成。消息和角色按分词器自己的角色标签识别；无法判断的算作消息之外。",
    ),
    max_length=both(
        "max_length: the captured sample is cut to this many tokens, the tail goes",
        "max_length：捕获的样本只保留前这么多个 token，尾部丢弃",
    ),
    layout=refuse,
    needs=(),
)
