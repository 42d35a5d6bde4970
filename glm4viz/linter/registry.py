"""All rules, in the order in which they are shown: what ruins a run first."""

from glm4viz.linter.findings import Rule
from glm4viz.linter.rules import (
    answers,
    calls,
    captured,
    conversation,
    dataset,
    fields,
    labels,
    leftovers,
    openai_calls,
    order,
    private,
    replies,
    served,
    speaker,
    text,
    thinking,
    tools,
    training,
    training_config,
)
from glm4viz.texts import both

GROUPS = (
    (both("Can it be read?", "能否读取"), conversation.RULES),
    (both("The training config", "训练配置"), training_config.RULES),
    (both("Beside the other records", "与其他记录相比"), dataset.RULES),
    (both("What is trained", "训练了什么"), (*training.RULES, *labels.RULES, *captured.RULES)),
    (both("What a server feeds", "服务端输入什么"), served.RULES),
    (both("Thoughts", "思考"), thinking.RULES),
    (both("Fields", "字段"), fields.RULES),
    (both("Who speaks when", "发言顺序"), order.RULES),
    (both("Tools", "工具"), (*tools.RULES, *calls.RULES, *openai_calls.RULES)),
    (both("Text", "文本"), (*text.RULES, *leftovers.RULES)),
    (both("Secrets and persons", "密钥与个人信息"), private.RULES),
    (both("Answers", "回答"), (*answers.RULES, *speaker.RULES, *replies.RULES)),
)
RULES: dict[str, Rule] = {rule.id: rule for _, rules in GROUPS for rule in rules}
ORDER = {id: place for place, id in enumerate(RULES)}
