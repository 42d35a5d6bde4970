"""Unsloth: the arguments of train_on_responses_only beside those of TRL's trainer."""

from glm4viz.configs.framework import Framework
from glm4viz.configs.notes import Notes, TrainingConfig
from glm4viz.configs.parsing import Config
from glm4viz.configs.trl import UNFOLLOWED, length_of, packing_of

NAME = "Unsloth"
SIGNS = frozenset({"train_on_responses_only", "instruction_part", "response_part"})


def read(values: Config) -> TrainingConfig:
    n = Notes(NAME, values)
    n.pass_over(UNFOLLOWED)
    n.only("chat_template", "glm-4", "shown is glm-4-9b-chat's own template", "这里使用 glm-4-9b-chat 自己的模板")
    packing_of(n)
    if "train_on_responses_only" in values and not n.flag("train_on_responses_only"):
        n.decide("train_on_responses_only", "false: every token is trained, as by TRL", "为 false：所有 token 都参与训练，与 TRL 相同")
        return n.done("trl", length_of(n))
    key = next(key for key in ("train_on_responses_only", "instruction_part", "response_part") if key in values)
    n.decide(key, "answers are found by markers in the token ids", "按 token 中的标记寻找回答")
    for part, marker in (("instruction_part", "<|user|>\n"), ("response_part", "<|assistant|>\n")):
        given = values.get(part)
        if isinstance(given, str) and given.replace("\\n", "\n") != marker:
            n.cannot(part, f"shown is {marker!r}", f"这里使用 {marker!r}", repr(given))
    if n.flag("last_response_only"):
        n.cannot("last_response_only", "every answer is shown as trained", "这里每个回答都按参与训练显示")
    n.model("model_name", "model_name_or_path")
    return n.done("unsloth", length_of(n))


FRAMEWORK = Framework(NAME, SIGNS, read, inside="TRL")
