"""Keys of training configs: those that change no label, those that do and aren't followed, those that are misspelt."""

import json

import pytest
import yaml

from glm4viz.configs.reader import read_training_config

# What changes labels or their weights is told from what doesn't, and from what is misspelt.
HARMLESS = {
    "LLaMA-Factory": "stage: sft\ntemplate: glm4\nlearning_rate: 1e-4\nlora_rank: 8\noutput_dir: out\nlogging_steps: 5\nbf16: true\n"
    "ddp_timeout: 180000000\npreprocessing_num_workers: 16\noverwrite_cache: true\nmax_samples: 9\nenable_thinking: true\ndeepspeed: x.json\n",
    "Axolotl": "base_model: THUDM/glm-4-9b-chat\nsequence_len: 9\nadapter: lora\nlora_r: 8\nwandb_project: x\nlearning_rate: 1e-4\n"
    "flash_attention: true\nspecial_tokens:\nval_set_size: 0.1\ndataset_prepared_path: x\npad_to_sequence_len: true\n",
    "ms-swift": "template: glm4\nmax_length: 9\nlora_rank: 8\noutput_dir: x\nnum_train_epochs: 1\ngradient_accumulation_steps: 4\n"
    "dataloader_num_workers: 2\npacking: true\nagent_template: glm4\nloss_scale: default\nresponse_prefix: x\n",
    "TRL": "max_length: 9\nlearning_rate: 1e-4\noutput_dir: x\nuse_peft: true\nlora_r: 8\npacking: true\npacking_strategy: bfd\n",
    "Unsloth": "train_on_responses_only: true\nmax_seq_length: 9\nr: 16\nrandom_state: 1\nload_in_4bit: true\n",
    "GLM-4": "data_config: {}\ncombine: true\nfreezeV: true\nmax_input_length: 5\nmax_output_length: 5\ntraining_args: {}\n",
}
UNFOLLOWED = {
    "LLaMA-Factory": [
        "tool_format: default",
        "default_system: hi",
        "enable_thinking: false",
        "ignore_pad_token_for_loss: false",
        "tokenized_path: x",
        "use_dft_loss: true",
        "add_special_tokens: <x>",
        "split_special_tokens: true",
    ],
    "Axolotl": [
        "train_on_inputs: true",
        "roles_to_train: [user]",
        "train_on_eos: all",
        "train_on_eot: last",
        "special_tokens: {eos_token: x}",
        "message_field_training: train",
        "excess_length_strategy: truncate",
        "split_thinking: true",
        "default_system_message: x",
        "rl: dpo",
    ],
    "ms-swift": [
        f"loss_scale: {scale}" for scale in ("last_round", "all", "hermes", "react", "default+ignore_empty_think", "last_round+qwen")
    ]
    + ["agent_template: hermes", "truncation_strategy: right", "template_backend: jinja", "system: hi", "enable_thinking: false"]
    + ["use_chat_template: false", "external_plugins: [x.py]", "new_special_tokens: [x]", "enable_dft_loss: true"],
    "TRL": [
        "assistant_only_loss: true",
        "completion_only_loss: true",
        "chat_template_path: x",
        "eos_token: x",
        "response_template: x",
        "truncation_mode: keep_end",
        "loss_type: dft",
        "{packing: true, packing_strategy: wrapped}",
    ],
    "Unsloth": ["last_response_only: true", "response_part: x", "chat_template: chatml", "loss_type: dft"],
}
MISSPELT = {
    "LLaMA-Factory": ("train_on_prompts", "train_on_prompt"),
    "Axolotl": ("train_on_input", "train_on_inputs"),
    "ms-swift": ("loss_scales", "loss_scale"),
    "TRL": ("assistants_only_loss", "assistant_only_loss"),
    "Unsloth": ("last_responses_only", "last_response_only"),
    "GLM-4": ("combined", "combine"),
}


@pytest.mark.parametrize("system", HARMLESS)
def test_keys_that_change_no_label_are_not_marked(system: str) -> None:
    found = read_training_config(HARMLESS[system])
    assert found.system == system
    assert not found.not_honoured
    assert not found.unknown


@pytest.mark.parametrize(("system", "line"), [(system, line) for system, lines in UNFOLLOWED.items() for line in lines])
def test_keys_that_change_labels_are_marked(system: str, line: str) -> None:
    values = yaml.safe_load(HARMLESS[system]) | yaml.safe_load(line)
    found = read_training_config(json.dumps(values))
    assert {decision.key for decision in found.not_honoured} == {list(yaml.safe_load(line))[-1]}


@pytest.mark.parametrize("system", MISSPELT)
def test_a_misspelt_key_is_named_with_the_one_that_was_meant(system: str) -> None:
    key, meant = MISSPELT[system]
    (unknown,) = read_training_config(HARMLESS[system] + f"{key}: true\n").unknown
    assert unknown.key == key
    assert all(f"{meant}" in unknown.why[language] for language in ("en", "zh"))


def test_a_model_of_another_kind_is_not_what_is_shown() -> None:
    (told,) = read_training_config("stage: sft\nmodel_name_or_path: Qwen/Qwen3-8B").not_honoured
    assert told.value == "Qwen/Qwen3-8B"
