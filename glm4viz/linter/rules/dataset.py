"""Rules on a record beside the others: one conversation can't show them, `glm4viz check` finds them in whole files."""

from glm4viz.linter.findings import rule
from glm4viz.linter.rules.conversation import found_elsewhere
from glm4viz.texts import both

DUPLICATE = rule(
    "duplicate-record",
    "warning",
    title=both("The same conversation again", "重复的对话"),
    harm=both(
        "A conversation that stands there twice is learned twice as hard, and if one copy is in the evaluation set, its score means nothing.",
        "重复的对话会被多学一遍；如果其中一份在评估集里，评估分数就没有意义。",
    ),
    mend=both("Remove all but one, unless the weight is meant.", "除非有意加重，请只保留一份。"),
)(found_elsewhere)

NEAR_DUPLICATE = rule(
    "near-duplicate-record",
    "warning",
    title=both("Nearly the same conversation again", "几乎相同的对话"),
    harm=both(
        "Copies that differ in a few words do what exact ones do: they are learned twice as hard, and across training and evaluation set "
        "they make the score meaningless. Compared is what is said, system messages apart, by its 5-grams of characters.",
        "只差几个字的副本与完全重复一样：会被多学一遍；若分别落在训练集和评估集里，评估分数就没有意义。"
        "比较的是除 system 之外各条消息的文字，按 5 个字符的片段计算。",
    ),
    mend=both(
        "Keep the better one, unless both are meant; a higher --near-threshold asks for more likeness.",
        "除非有意保留，请只留较好的一份；调高 --near-threshold 可只报告更相近的。",
    ),
    option="--near-duplicates",
)(found_elsewhere)

LOSS_OUTLIER = rule(
    "loss-outlier",
    "info",
    title=both("A loss far above the rest of the file", "损失远高于文件中的其他记录"),
    harm=both(
        "The model finds this record far less likely than the others. That is how answers to another question, other languages, broken "
        "encodings and noise look, and a few of them can pull hard on the weights; it is also how what is new and right looks.",
        "模型认为这条记录远比其他记录不可能。答非所问、混入其他语言、编码损坏和噪声都是这样，少数几条就会用力拉动权重；"
        "但新而正确的内容看起来也是这样。",
    ),
    mend=both("Read it, and remove it if it is noise.", "请读一读，是噪声就删去。"),
    option="--loss-outliers",
)(found_elsewhere)

OTHER_ANSWER = rule(
    "same-question-other-answer",
    "info",
    title=both("The same question with another answer", "同一个问题，不同的回答"),
    harm=both(
        "An earlier record asks the same and is answered otherwise. If the two contradict each other, the model learns neither.",
        "前面有一条记录问了同样的问题，回答却不同。如果两者矛盾，模型哪个都学不好。",
    ),
    mend=both("Keep the right one, unless several answers are meant.", "除非有意保留多种回答，请只留正确的一条。"),
)(found_elsewhere)

MISPLACED = rule(
    "answer-to-another-question",
    "info",
    title=both("The answer seems to belong to another question", "回答像是别的问题的"),
    harm=both(
        "No word of the question comes up in the answer, but those of another record's question do. A column that slipped by a row looks like this, "
        "and then the answers of a whole file are wrong.",
        "回答里没有出现本条提问的词，却出现了另一条记录提问的词。数据列错开一行就是这样，整个文件的回答都会对不上。",
    ),
    mend=both("Compare both records, and look for where the rows slipped.", "请对照两条记录，找出从哪里开始错行。"),
)(found_elsewhere)

RULES = (DUPLICATE, NEAR_DUPLICATE, LOSS_OUTLIER, OTHER_ANSWER, MISPLACED)
