"""The lines to paste into a training script to see its first batch, by framework: the command, the docs and the page show these."""

from dataclasses import dataclass

from glm4viz.texts import Text, both


@dataclass(frozen=True, slots=True)
class Snippet:
    """tried: the version it was run with, one step on a CPU; "" where it was written by reading that framework's source (`read`)."""

    framework: str
    how: Text
    code: str
    tried: str = ""
    read: str = ""

    @property
    def status(self) -> Text:
        """What is known of it, in words."""
        if self.tried:
            return both(f"tried with {self.tried}", f"已用 {self.tried} 试过")
        return both(f"untried; written after {self.read}", f"未试过；按 {self.read} 的源码写成")


SNIPPETS = (
    Snippet(
        "transformers",
        both("Give the callback to Trainer.", "把回调交给 Trainer。"),
        """import glm4viz

trainer = Trainer(
    ...,
    processing_class=tokenizer,
    callbacks=[glm4viz.TrainerCallback("run.glm4viz.json.gz", fail_on="error")],
)""",
        tried="transformers 5.23.0",
    ),
    Snippet(
        "TRL",
        both("Give the callback to SFTTrainer.", "把回调交给 SFTTrainer。"),
        """import glm4viz

trainer = SFTTrainer(
    ...,
    callbacks=[glm4viz.TrainerCallback("run.glm4viz.json.gz", fail_on="error")],
)""",
        tried="TRL 1.16.0",
    ),
    Snippet(
        "plain loop",
        both("Wrap the data loader; its batches come through unchanged.", "包住数据加载器；批次原样通过。"),
        """import glm4viz

for batch in glm4viz.watch(dataloader, tokenizer, "run.glm4viz.json.gz", fail_on="error"):
    ...""",
        tried="torch 2.13.0",
    ),
    Snippet(
        "LLaMA-Factory",
        both(
            "Write this as train.py and start it in place of llamafactory-cli train: python train.py config.yaml, or torchrun on several GPUs.",
            "存为 train.py，代替 llamafactory-cli train 启动：python train.py config.yaml；多卡用 torchrun。",
        ),
        """import glm4viz
from llamafactory.train.tuner import run_exp

run_exp(callbacks=[glm4viz.TrainerCallback("run.glm4viz.json.gz", fail_on="error")])""",
        tried="LLaMA-Factory 0.9.5",
    ),
    Snippet(
        "ms-swift",
        both(
            "Write this as glm4viz_plugin.py and add to the command: --external_plugins glm4viz_plugin.py --callbacks glm4viz",
            "存为 glm4viz_plugin.py，并在命令里加上：--external_plugins glm4viz_plugin.py --callbacks glm4viz",
        ),
        """import glm4viz
from swift.callbacks import callbacks_map

callbacks_map["glm4viz"] = lambda args, trainer: glm4viz.TrainerCallback("run.glm4viz.json.gz", fail_on="error")""",
        tried="ms-swift 4.6.0",
    ),
    Snippet(
        "axolotl",
        both(
            "Write this as glm4viz_plugin.py where Python finds it, and name it in the config: plugins: [glm4viz_plugin.Glm4vizPlugin]",
            "存为 Python 能找到的 glm4viz_plugin.py，并在配置里写上：plugins: [glm4viz_plugin.Glm4vizPlugin]",
        ),
        """import glm4viz
from axolotl.integrations.base import BasePlugin


class Glm4vizPlugin(BasePlugin):
    def add_callbacks_post_trainer(self, cfg, trainer):
        return [glm4viz.TrainerCallback("run.glm4viz.json.gz", fail_on="error")]""",
        read="axolotl 0.19.0",
    ),
    Snippet(
        "XTuner",
        both(
            "Put the hook in the config file and add dict(type=FirstBatch, tokenizer=tokenizer) to custom_hooks.",
            "把这个钩子写进配置文件，并在 custom_hooks 里加上 dict(type=FirstBatch, tokenizer=tokenizer)。",
        ),
        """import glm4viz
from mmengine.hooks import Hook
from xtuner.registry import BUILDER


class FirstBatch(Hook):
    def __init__(self, tokenizer):
        self.tokenizer = BUILDER.build(tokenizer)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 0:
            next(iter(glm4viz.watch([data_batch["data"]], self.tokenizer, "run.glm4viz.json.gz", fail_on="error")))""",
        read="XTuner 0.2.0",
    ),
)


def plain(language: str) -> str:
    """All of them as text for a terminal."""
    lines = []
    for snippet in SNIPPETS:
        code = "\n".join(f"    {line}" if line else "" for line in snippet.code.splitlines())
        lines.append(f"{snippet.framework} ({snippet.status[language]})\n{snippet.how[language]}\n\n{code}\n")
    return "\n".join(lines)
