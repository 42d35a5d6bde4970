"""Tool calls, results and thoughts are taken apart where they can be read."""

from tests.run.fed import check_columns, fed
from tests.run.tokenizers import of_bytes


def test_calls_and_results_of_chatml() -> None:
    tok = of_bytes("<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<think>", "</think>")
    text = (
        "<|im_start|>user\nTime?<|im_end|>\n<|im_start|>assistant\n<think>\nLook.\n</think>\n\nWait.\n<tool_call>\n"
        '{"name": "now", "arguments": {"zone": "UTC"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\nnine\n</tool_response>\n<tool_response>\nten\n</tool_response><|im_end|>\n"
    )
    sample = fed(tok, text, ["Wait."])
    assert [m["role"] for m in sample.messages] == ["user", "assistant", "tool", "tool"]
    answer = sample.messages[1]
    assert (answer["reasoning_content"], answer["content"]) == ("Look.", "Wait.")
    assert answer["tool_calls"][0]["function"] == {"name": "now", "arguments": {"zone": "UTC"}}
    assert [m["content"] for m in sample.messages[2:]] == ["nine", "ten"]
    arguments = b"".join(b for b, part in zip(sample.token_bytes, sample.parts, strict=True) if part == "arguments")
    assert arguments == b'{"zone": "UTC"}'
    check_columns(sample)


def test_a_call_that_can_t_be_read_stays_in_the_text() -> None:
    tok = of_bytes("<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>")
    sample = fed(tok, "<|im_start|>assistant\nSee <tool_call>\n{broken}\n</tool_call><|im_end|>", ["See"])
    assert sample.messages[0]["content"] == "See <tool_call>\n{broken}\n</tool_call>"
    assert "tool_call" in set(sample.parts)
    check_columns(sample)


def test_tool_results_of_llama_and_mistral() -> None:
    llama = of_bytes("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>")
    text = "<|start_header_id|>ipython<|end_header_id|>\n\nnine<|eot_id|>"
    assert [(m["role"], m["content"]) for m in fed(llama, text, ["nine"]).messages] == [("tool", "nine")]
    mistral = of_bytes("<s>", "</s>", "[INST]", "[/INST]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]")
    text = "<s>[INST]Time?[/INST][TOOL_CALLS][{}]</s>[TOOL_RESULTS]nine[/TOOL_RESULTS]It is nine.</s>"
    sample = fed(mistral, text, ["It is nine.</s>"])
    assert [m["role"] for m in sample.messages] == ["user", "assistant", "tool", "assistant"]
    assert set(sample.owner[sample.trained].tolist()) == {3}
    check_columns(sample)
