"""GLM-4's own scripts: the YAML that finetune.py takes, such as lora.yaml."""

from glm4viz.configs.framework import Framework
from glm4viz.configs.notes import Notes, TrainingConfig
from glm4viz.configs.parsing import Config

NAME = "GLM-4"
SIGNS = frozenset({"data_config", "combine", "freezeV", "max_input_length", "max_output_length"})


def read(values: Config) -> TrainingConfig:
    n = Notes(NAME, values)
    if "combine" in values:
        combine = n.flag("combine")
        recipe_id = "glm4-combine@dfe4601" if combine else "glm4@dfe4601"
        if combine:
            n.decide(
                "combine", "true: only what follows the last <|assistant|> is trained", "为 true：只训练最后一个 <|assistant|> 之后的内容"
            )
        else:
            n.decide("combine", "false: every answer is trained", "为 false：训练每个回答")
    else:
        recipe_id = "glm4"
        n.decide(
            "combine",
            "absent, as in the scripts before 2024-07-19: every answer is trained. Later ones can't start without it",
            "没有这个键，如同 2024-07-19 之前的脚本：训练每个回答。之后的脚本缺少它无法启动",
            None,
        )
        n.warn(
            "ChatGLM3's finetune_hf.py has a config of the same form. If this is for ChatGLM3, choose the recipe chatglm3-hf.",
            "ChatGLM3 的 finetune_hf.py 的配置形式相同。如果这是 ChatGLM3 的配置，请选择配方 chatglm3-hf。",
        )
    if "freezeV" in values:
        n.warn(
            "freezeV: only finetune_vision.py uses it, which reads the same file by another rule. If you run that script, choose "
            "glm4v@dfe4601 and a limit smaller by 1.",
            "freezeV：只有 finetune_vision.py 用到它，该脚本读同一个文件，但规则不同。如果运行的是那个脚本，请选择 glm4v@dfe4601，上限减 1。",
        )
    inputs, outputs = (n.count(key, 0) for key in ("max_input_length", "max_output_length"))
    if inputs is None or outputs is None:
        n.warn(
            "max_input_length or max_output_length is missing; the script can't start without both. Nothing is cut here.",
            "缺少 max_input_length 或 max_output_length，脚本没有它们无法启动。这里不截断。",
        )
        return n.done(recipe_id, None)
    for key in ("max_input_length", "max_output_length"):
        n.decide(
            key, f"the limit is both together, and 1: {inputs + outputs + 1} tokens", f"上限是两者之和加 1：{inputs + outputs + 1} 个 token"
        )
    return n.done(recipe_id, inputs + outputs + 1, max_input_length=inputs, max_output_length=outputs)


FRAMEWORK = Framework(NAME, SIGNS, read)
