"""Training configs: which recipe and limit they come to, what is said of the other keys, and what is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import app
from glm4viz.configs.parsing import ConfigError
from glm4viz.configs.reader import read_training_config
from glm4viz.errors import Glm4vizError

GLM4 = """
data_config:
  train_file: train.jsonl
  val_file: dev.jsonl
  num_proc: 4
{keys}
max_input_length: 768
max_output_length: 256
training_args:
  output_dir: ./out
  max_steps: 1000
  learning_rate: 5e-4
  generation_config: {{max_new_tokens: 256}}
peft_config: {{peft_type: {peft}, task_type: CAUSAL_LM}}
"""
LLAMAFACTORY = """
### model
model_name_or_path: THUDM/glm-4-9b-chat
trust_remote_code: true
### method
stage: sft
do_train: true
finetuning_type: lora
lora_target: all
### dataset
dataset: shop_talk
template: {template}
cutoff_len: 1536
{keys}
"""
AXOLOTL = """
base_model: THUDM/glm-4-9b-chat
load_in_4bit: true
datasets:
  - path: ./shop.jsonl
    type: chat_template
    field_messages: messages
    {dataset}
sequence_len: 4096
sample_packing: true
micro_batch_size: 2
{keys}
"""
SWIFT = r"""
#!/bin/bash
export NPROC=1
# two cards
CUDA_VISIBLE_DEVICES=0,1 \
swift sft \
    --model ZhipuAI/glm-4-9b-chat \
    --train_type lora \
    --dataset 'shop.jsonl#500' other.jsonl \
    --max_length 2048 \
    --lora_rank=8 \
    {options}
echo done
"""
TRL = {"output_dir": "out", "learning_rate": 2e-5, "num_train_epochs": 1, "model_name_or_path": "THUDM/glm-4-9b-chat"}

# name: (config, recipe, limit, keys that decided, keys that can't be honoured)
GOOD: dict[str, tuple[str, str, int | None, set[str], set[str]]] = {
    "GLM-4 combine": (GLM4.format(keys="combine: True", peft="LORA"), "glm4-combine@dfe4601", 1025, {"combine"}, set()),
    "GLM-4 every turn": (GLM4.format(keys="combine: false\nfreezeV: True", peft="LORA"), "glm4@dfe4601", 1025, {"combine"}, set()),
    "GLM-4 early": (GLM4.format(keys="", peft="PREFIX_TUNING"), "glm4", 1025, {"max_input_length", "max_output_length"}, set()),
    "LLaMA-Factory": (LLAMAFACTORY.format(template="glm4", keys=""), "llamafactory", 1536, {"template", "cutoff_len"}, set()),
    "LLaMA-Factory last": (
        LLAMAFACTORY.format(template="glm4", keys="mask_history: true\npacking: true"),
        "llamafactory-mask-history",
        1535,
        {"mask_history", "packing"},
        set(),
    ),
    "LLaMA-Factory prompt": (
        LLAMAFACTORY.format(template="glm4", keys="train_on_prompt: 'true'\ndefault_system: hi"),
        "llamafactory-train-on-prompt",
        1536,
        {"train_on_prompt"},
        {"default_system"},
    ),
    "LLaMA-Factory JSON": (
        json.dumps({"stage": "sft", "template": "glm4", "finetuning_type": "full"}, indent="\t"),
        "llamafactory",
        2048,
        {"cutoff_len"},
        set(),
    ),
    "LLaMA-Factory command": (
        "llamafactory-cli train --stage sft --template glm4 --cutoff-len 512 --mask_history",
        "llamafactory-mask-history",
        512,
        {"mask_history"},
        set(),
    ),
    "Axolotl": (AXOLOTL.format(dataset="", keys=""), "axolotl", 4096, {"sequence_len", "roles_to_train", "sample_packing"}, set()),
    "Axolotl eot": (
        AXOLOTL.format(dataset="train_on_eos: turn", keys="eot_tokens: ['<|user|>']"),
        "axolotl-eot",
        4096,
        {"eot_tokens"},
        set(),
    ),
    "Axolotl literal": (
        AXOLOTL.format(dataset="", keys="chat_template: jinja\neot_tokens: '<|user|>'\nchat_template_jinja: \"{# <|user|> #}\""),
        "axolotl-eot-literal",
        4096,
        {"eot_tokens"},
        {"chat_template_jinja"},
    ),
    "Axolotl mapped": (
        AXOLOTL.format(
            dataset="message_property_mappings: {role: role, content: content, metadata: metadata, tools: tools}",
            keys="chat_template: tokenizer_default_fallback_chatml",
        ),
        "axolotl-mapped",
        4096,
        {"message_property_mappings"},
        set(),
    ),
    "Axolotl roles": (
        AXOLOTL.format(
            dataset="roles_to_train: [assistant, tool]", keys="train_on_eos: all\ntrain_on_inputs: true\nexcess_length_strategy: truncate"
        ),
        "axolotl",
        4096,
        {"sequence_len"},
        {"roles_to_train", "train_on_eos", "train_on_inputs", "excess_length_strategy"},
    ),
    "TRL": (json.dumps(TRL | {"max_length": 700, "packing": True}), "trl", 700, {"max_length", "packing"}, set()),
    "TRL answers": (json.dumps(TRL | {"assistant_only_loss": True}), "trl", 1024, {"max_length"}, {"assistant_only_loss"}),
    "TRL uncut": (json.dumps(TRL | {"completion_only_loss": True, "max_length": None}), "trl", None, set(), {"completion_only_loss"}),
    "TRL old": ("max_seq_length: 300\ndataset_text_field: text", "trl", 300, {"max_seq_length"}, set()),
    "Unsloth": (
        'max_seq_length: 800\ninstruction_part: "<|user|>\\n"\nresponse_part: "<|assistant|>"',
        "unsloth",
        800,
        {"instruction_part"},
        {"response_part"},
    ),
    "ms-swift command": (SWIFT.format(options="--loss_scale default"), "ms-swift", 2048, {"max_length", "loss_scale"}, set()),
    "ms-swift options": (
        SWIFT.format(options="--truncation_strategy left --loss_scale last_round --template glm4"),
        "ms-swift",
        2048,
        {"template"},
        {"truncation_strategy", "loss_scale"},
    ),
    "ms-swift YAML": ("model: ZhipuAI/glm-4-9b-chat\ntemplate: glm4\ntruncation_strategy: delete", "ms-swift", None, {"max_length"}, set()),
    "template and max_length": ("template: glm4\nmax_length: 999", "ms-swift", 999, {"template"}, set()),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_config_comes_to_a_recipe_and_a_limit(name: str) -> None:
    text, recipe, max_length, decided, passed = GOOD[name]
    found = read_training_config(text)
    assert (found.recipe_id, found.max_length) == (recipe, max_length)
    assert decided <= {decision.key for decision in found.decided_by}
    assert passed == {decision.key for decision in found.not_honoured}
    assert not found.unknown
    for words in [d.why for d in (*found.decided_by, *found.not_honoured)] + list(found.warnings):
        assert set(words) == {"en", "zh"}
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    assert len(glm4viz.label(messages, found.recipe, max_length=found.max_length))


def test_what_the_system_would_say_is_a_warning() -> None:
    for text, word in (
        (json.dumps(TRL | {"assistant_only_loss": True}), "ValueError"),
        (LLAMAFACTORY.format(template="glm4", keys="train_on_prompt: true"), "ValueError"),
        (GLM4.format(keys="", peft="LORA"), "chatglm3-hf"),
        ("combine: true", "missing"),
    ):
        assert any(word in warning["en"] for warning in read_training_config(text).warnings)


BOMB = "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} {{<<: [*{'a' if not i else f'b{i - 1}'}]}}\n" for i in range(40))
BAD = {
    "empty": "  \n",
    "prose": "please train my model",
    "a list": "- stage: sft",
    "unknown": "optimizer: adam\nepochs: 3",
    "two systems": "cutoff_len: 3\nsequence_len: 4",
    "template alone": "template: glm4",
    "another template": LLAMAFACTORY.format(template="llama3", keys=""),
    "another Axolotl template": AXOLOTL.format(dataset="", keys="chat_template: chatml"),
    "another data set": "base_model: x\ndatasets: [{path: a, type: alpaca}]",
    "another model": "swift sft --model_type qwen2 --max_length 3",
    "both": LLAMAFACTORY.format(template="glm4", keys="mask_history: true\ntrain_on_prompt: true"),
    "another stage": "stage: dpo\ntemplate: glm4",
    "another task": "swift rlhf --rlhf_type dpo --model glm4",
    "a word for a number": "stage: sft\ncutoff_len: long",
    "nothing left": "stage: sft\ncutoff_len: 0",
    "a truth value for a number": "stage: sft\ncutoff_len: true",
    "a number for a truth value": "data_config: {}\ncombine: 7",
    "broken YAML": "stage: [sft",
    "broken quotes": "swift sft --model 'x",
    "Python objects": "stage: !!python/object/apply:os.system ['true']",
    "merge bomb": BOMB,
    "deep": "stage: " + "[" * 5000,
    "deep JSON": '{"stage":' * 5000,
    "long number": "cutoff_len: " + "9" * 5000,
    "two documents": "stage: sft\n---\nstage: sft",
    "tab": "stage:\tsft\n\tcutoff_len: 3",
    "surrogate": "stage: \ud800",
    "large": "a: " + "x" * 200_000,
    "many values": "a: [" + "x," * 9_000 + "]",
    "no such file": "no/such/file.yaml",
    "key of a list": "? [a]\n: b",
    "holds itself": "stage: &a [*a]",
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_gets_a_sentence(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_training_config(BAD[name])
    assert isinstance(caught.value, Glm4vizError)
    for language in ("en", "zh"):
        assert 5 < len(caught.value.sentence(language)) < 400
    assert caught.value.sentence("en") != caught.value.sentence("zh")


@given(
    st.dictionaries(
        st.sampled_from(["stage", "template", "cutoff_len", "combine", "datasets", "loss_scale", "eot_tokens", "max_length"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
            max_leaves=6,
        ),
    )
)
def test_any_values_come_to_a_recipe_or_a_sentence(values: dict[str, object]) -> None:
    try:
        found = read_training_config(json.dumps(values))
    except ConfigError:
        return
    assert found.recipe


def test_files_and_bytes_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "lora.yaml"
    path.write_bytes(b"\xef\xbb\xbfcombine: true\r\nmax_input_length: 10\r\nmax_output_length: 0\r\n")
    for config in (path, str(path), path.read_bytes()):
        assert read_training_config(config).max_length == 11
    with pytest.raises(ConfigError):
        read_training_config(b"\xff\xfe\x00")
    with pytest.raises(ConfigError):
        read_training_config(tmp_path)


def test_label_takes_a_config(tmp_path: Path) -> None:
    config, data = tmp_path / "my.yaml", tmp_path / "data.jsonl"
    config.write_text(LLAMAFACTORY.format(template="glm4", keys="packing: true"), "utf-8")
    data.write_text('{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]}', "utf-8")
    result = CliRunner().invoke(app, ["label", str(data), "--config", str(config), "--json"])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["recipe"] == "llamafactory"
    assert "cutoff_len" in result.stderr
    assert "packing" in result.stderr
    result = CliRunner().invoke(app, ["label", str(data), "--config", str(config), "--recipe", "glm4", "--max-length", "3", "--json"])
    assert (json.loads(result.stdout)["recipe"], len(json.loads(result.stdout)["labels"])) == ("glm4", 3)
    config.write_text("nonsense", "utf-8")
    assert CliRunner().invoke(app, ["label", str(data), "--config", str(config), "--lang", "zh"]).exit_code == 2
