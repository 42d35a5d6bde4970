"""Rules on the training config that a check is run with: what it says and isn't followed, and what it seems to say."""

from glm4viz.linter.findings import rule
from glm4viz.linter.rules.conversation import found_elsewhere
from glm4viz.texts import both

NOT_FOLLOWED = rule(
    "config-not-followed",
    "warning",
    title=both("The training config says what isn't shown", "训练配置中有未体现的设置"),
    harm=both(
        "The config changes which tokens are trained, or how much each counts, and what is shown here doesn't follow it: the run will train "
        "something else than was checked.",
        "训练配置会改变哪些 token 参与训练或各自的权重，而这里没有照做：实际训练的内容与检查过的不同。",
    ),
    mend=both(
        "Choose a recipe that does the same, or look at a batch of the real run before trusting this result.",
        "请选择做法相同的配方，或在相信此结果之前查看真实训练的一个批次。",
    ),
    option="--config",
)(found_elsewhere)

REMARK = rule(
    "config-remark",
    "info",
    title=both("The training config is worth a look", "训练配置值得一看"),
    harm=both(
        "A key that the framework has no option for does nothing, or stops it; or the framework would say something at start-up.",
        "框架没有的选项不起作用，或使它中止；也可能是框架启动时会给出提示。",
    ),
    mend=both("Look at the config.", "请查看配置。"),
    option="--config",
)(found_elsewhere)

RULES = (NOT_FOLLOWED, REMARK)
