"""All rules, in the order in which they are shown: what ruins a run first."""

from glm4viz.linter.findings import Rule
from glm4viz.linter.rules import answers, conversation, dataset, fields, order, text, tools, training

GROUPS = (
    ({"en": "Can it be read?", "zh": "能否读取"}, conversation.RULES),
    ({"en": "Beside the other records", "zh": "与其他记录相比"}, dataset.RULES),
    ({"en": "What is trained", "zh": "训练了什么"}, training.RULES),
    ({"en": "Fields", "zh": "字段"}, fields.RULES),
    ({"en": "Who speaks when", "zh": "发言顺序"}, order.RULES),
    ({"en": "Tools", "zh": "工具"}, tools.RULES),
    ({"en": "Text", "zh": "文本"}, text.RULES),
    ({"en": "Answers", "zh": "回答"}, answers.RULES),
)
RULES: dict[str, Rule] = {rule.id: rule for _, rules in GROUPS for rule in rules}
ORDER = {id: place for place, id in enumerate(RULES)}
