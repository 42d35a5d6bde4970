"""The recipes of ChatGLM, XTuner, InternLM and Firefly, beyond the golden rows: columns, limits, refusals, and odd inputs."""

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glm4viz
from glm4viz.errors import ConversationError, Glm4vizError, RecipeRejects, SeveralSamples
from tests.conftest import CONVERSATIONS
from tests.strategies import conversations, texts

TOK = glm4viz.load_tokenizer()
PAIRED = ("chatglm", "chatglm2")
IDS = (
    *PAIRED,
    *("chatglm3", "chatglm3-hf", "xtuner", "xtuner-internlm2", "xtuner-last-turn", "xtuner-split"),
    *("internlm-alpaca", "firefly-chatglm3", "firefly-internlm2"),
)
Messages = list[dict[str, Any]]


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def assistant(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def system(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "system", "content": content, **more}


def observation(content: Any) -> dict[str, Any]:
    return {"role": "observation", "content": content}


def text_of(s: glm4viz.LabelledSample) -> str:
    return b"".join(s.token_bytes).decode()


def trained_text(s: glm4viz.LabelledSample) -> str:
    """The trained tokens' text, with ‖ where masked ones lie between."""
    runs = np.split(np.arange(len(s)), np.flatnonzero(np.diff(s.trained)) + 1)
    return "‖".join(b"".join(s.token_bytes[i] for i in run).decode() for run in runs if s.trained[run[0]])


# Every recipe ---------------------------------------------------------------------------------------------------------

pair_conversations = st.lists(st.tuples(texts, texts), min_size=1, max_size=3).map(
    lambda pairs: [message for question, answer in pairs for message in (user(question), assistant(answer))]
)
any_conversation = st.one_of(conversations, pair_conversations)


@given(st.lists(any_conversation, max_size=4), st.sampled_from(IDS), st.one_of(st.none(), st.integers(1, 40)))
def test_a_batch_is_its_rows(many: list[Messages], recipe: str, limit: int | None) -> None:
    max_length = (limit, 41 - limit) if limit and recipe in PAIRED else limit
    batch = glm4viz.label_batch(many, recipe, max_length=max_length)
    row = 0
    for i, messages in enumerate(many):
        try:
            samples = glm4viz.label_all(messages, recipe, max_length=max_length)
        except Glm4vizError:
            assert i in batch.errors
            continue
        for single in samples:
            part = slice(batch.offsets[row], batch.offsets[row + 1])
            assert batch.input_ids[part].tolist() == single.input_ids.tolist() == batch[row].input_ids.tolist()
            assert batch.labels[part].tolist() == single.labels.tolist() == batch[row].labels.tolist()
            assert batch.source[row] == i
            row += 1
    assert row == len(batch)


@given(any_conversation, st.sampled_from(IDS))
def test_the_columns_agree(messages: Messages, recipe: str) -> None:
    try:
        samples = glm4viz.label_all(messages, recipe)
    except RecipeRejects:
        return
    for s in samples:
        assert ((s.owner == -1) == (s.labels == -100)).all()
        assert (s.labels[s.trained] == s.input_ids[s.trained]).all()
        spoken = {"assistant", "observation"} if recipe.startswith("chatglm3") else {"assistant"}
        assert {messages[m]["role"] for m in s.owner[s.trained]} <= spoken
        for i, (start, stop) in enumerate(s.spans.tolist()):
            if start >= 0:
                assert messages[s.message_index[i]]["content"].encode()[start:stop] in s.token_bytes[i]


@pytest.mark.parametrize("recipe", IDS)
def test_a_recipe_explains_itself_in_both_languages(recipe: str) -> None:
    found = glm4viz.recipes()[recipe]
    for text in (found.rule, found.max_length, *found.quirks):
        assert set(text) == {"en", "zh"}
        assert text["en"] != text["zh"]


@pytest.mark.parametrize("recipe", IDS)
def test_null_contents_never_crash(recipe: str) -> None:
    for messages in ([system(None), user("?"), assistant("!")], [user(None), assistant("!")], [user("?"), assistant(None)]):
        with contextlib.suppress(RecipeRejects):
            glm4viz.label_all(messages, recipe)


RENDERED = {
    "chatglm": "[Round 0]\n问：?\n答：[gMASK]<sop>{}<eop>",
    "chatglm2": "[gMASK]<sop>[Round 1]\n\n问：?\n\n答：{}<|endoftext|>",
    "chatglm3": "[gMASK]<sop><|user|>\n?<|assistant|>\n{}<|endoftext|>",
    "chatglm3-hf": "[gMASK]<sop><|user|>\n?<|assistant|>\n{}<|endoftext|>",
    "xtuner": "[gMASK]<sop><|user|>\n?<|assistant|>\n{}<|endoftext|>\n",
    "xtuner-internlm2": "<s><|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>\n",
    "xtuner-last-turn": "[gMASK]<sop><|user|>\n?<|assistant|>\n{}<|endoftext|>",
    "xtuner-split": "[gMASK]<sop><|user|>\n?<|assistant|>\n{}<|endoftext|>",
    "internlm-alpaca": "<s><|User|>:?<eoh>\n<|Bot|>:{}<eoa>\n</s>",
    "firefly-chatglm3": "[gMASK]<sop><|system|>S<|user|>?<|assistant|>{}<|endoftext|>",
    "firefly-internlm2": "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>\n",
}


@given(texts, st.sampled_from(IDS))
def test_the_tokens_bytes_are_the_rendered_text(text: str, recipe: str) -> None:
    first = [system(" S\n")] if recipe.startswith("firefly") else []
    s = glm4viz.label([*first, user("?"), assistant(f".{text}.")], recipe)
    assert text_of(s) == RENDERED[recipe].replace("{}", f".{text}.")


REFUSED = [
    *((recipe, [system("S"), user("?"), assistant("!")], "system") for recipe in (*PAIRED, "internlm-alpaca")),
    *(
        (recipe, messages, reason)
        for recipe in (*PAIRED, "internlm-alpaca", "firefly-chatglm3", "firefly-internlm2")
        for messages, reason in (
            ([user("?")], "end with assistant"),
            ([assistant("!"), user("?")], "end with assistant"),
            ([user("?"), user("?"), assistant("!")], "end with assistant"),
            ([user("?"), assistant("{}", metadata="f")], "tool calls"),
            ([user("?"), assistant("!"), observation("1"), assistant("!")], "tool results"),
            ([user("?"), assistant("!"), system("S")], "system message"),
            ([system("", tools=[{}]), user("?"), assistant("!")], "tools"),
        )
    ),
    ("chatglm", [user("?"), assistant("")], "skips"),
    ("chatglm2", [user(""), assistant("!")], "skips"),
    ("firefly-chatglm3", [system("S")], "end with assistant"),
    ("firefly-internlm2", [user(None), assistant("!")], "AttributeError"),
    ("internlm-alpaca", [user("?"), assistant("!")] * 2, "single turn"),
    ("chatglm3", [user("?"), assistant("not JSON", metadata="f")], "arguments"),
    ("chatglm3", [user("?"), assistant("[1]", metadata="f")], "arguments"),
    ("chatglm3", [user("?"), assistant('{"\\ud800": 1}', metadata="f")], "arguments"),
    ("chatglm3", [user("?"), assistant("!", loss=None)], "TypeError"),
    ("chatglm3", [user("?"), assistant("!", loss="false")], "ValueError"),
    ("chatglm3", [user(None)], "null content"),
    ("chatglm3", [system("", tools=[]), system("", tools=[])], "one list of tools"),
    ("chatglm3", [system("", tools=[{1, 2}])], "JSON"),
    ("chatglm3-hf", [system("", tools=[]), user("?")], "NotImplementedError"),
    ("chatglm3-hf", [user(None)], "null content"),
    ("xtuner", [user("?"), assistant("!"), observation("1")], "NotImplementedError"),
    ("xtuner", [assistant("!"), user("?")], "no answer"),
    ("xtuner-internlm2", [user("?"), assistant(None)], "null content"),
    ("xtuner-split", [user("?")], "no assistant"),
    ("xtuner-last-turn", [user("?")], "no assistant"),
]


@pytest.mark.parametrize(("recipe", "messages", "reason"), REFUSED, ids=str)
def test_what_a_system_refuses_is_said_in_both_languages(recipe: str, messages: Messages, reason: str) -> None:
    with pytest.raises(RecipeRejects, match=reason) as caught:
        glm4viz.label(messages, recipe)
    assert caught.value.sentence("zh") != caught.value.sentence("en")
    batch = glm4viz.label_batch([messages, CONVERSATIONS["open-en-one-turn"]], recipe)
    assert (list(batch.errors), batch.source.tolist()) == ([0], [1])


# ChatGLM-6B and ChatGLM2 ----------------------------------------------------------------------------------------------


@given(st.sampled_from(PAIRED), st.integers(1, 60), st.integers(1, 60))
def test_the_two_limits_cut_question_and_answer_each(recipe: str, source: int, target: int) -> None:
    messages = CONVERSATIONS["open-mixed-three-turns"]
    whole = glm4viz.label(messages, recipe).input_ids.tolist()
    cut = glm4viz.label(messages, recipe, max_length=(source, target))
    answer = TOK.encode(messages[-1]["content"])
    if recipe == "chatglm":
        question = whole[: -len(answer) - 3]
        expected = [*question[: source - 1], *whole[len(question) : len(question) + 2], *answer[: target - 2], whole[-1]]
        untrained = len(question[: source - 1]) + 1
    else:
        question = whole[: -len(answer) - 1]
        expected = [*question[:source], *answer[:target], whole[-1]]
        untrained = len(question[:source])
    assert cut.input_ids.tolist() == expected
    assert cut.labels.tolist() == [-100] * untrained + expected[untrained:]


def test_a_pair_is_wanted() -> None:
    with pytest.raises(ValueError, match="pair"):
        glm4viz.label(CONVERSATIONS["open-en-one-turn"], "chatglm", max_length=100)


def test_only_the_last_answer_of_chatglm_is_trained_with_its_start_token() -> None:
    s = glm4viz.label([user("a"), assistant("b"), user("c"), assistant("d")], "chatglm")
    assert text_of(s) == "[Round 0]\n问：a\n答：b\n[Round 1]\n问：c\n答：[gMASK]<sop>d<eop>"
    assert trained_text(s) == "<sop>d<eop>"
    assert s.parts[-4:].tolist() == ["prefix", "prefix", "content", "stop"]
    assert s.message_index[-4:].tolist() == [-1, -1, 3, 3]
    assert s.owner[-4:].tolist() == [-1, 3, 3, 3]
    answered = glm4viz.label([user("a"), assistant(None), user("c"), assistant("d")], "chatglm2")
    assert "答：None\n\n[Round 2]" in text_of(answered)  # a null in the history is printed


# ChatGLM3 -------------------------------------------------------------------------------------------------------------

CALL = assistant('{"city": "苏州", "days": [1, 2.5], "raw": null, "ok": true, "q": "it\'s"}', metadata="weather")


def test_a_call_becomes_code_and_its_result_is_masked() -> None:
    s = glm4viz.label([user("?"), CALL, observation("rain"), assistant("Rain.")], "chatglm3")
    code = "weather\n```python\ntool_call(city='苏州', days=[1, 2.5], raw=None, ok=True, q=\"it's\")\n```"
    assert text_of(s) == f"[gMASK]<sop><|user|>\n?<|assistant|>{code}<|observation|>\nrain<|assistant|>\nRain.<|endoftext|>"
    assert trained_text(s) == f"{code}<|observation|>‖\nRain.<|endoftext|>"
    tag = s.input_ids.tolist().index(TOK.special_ids["<|observation|>"])
    assert (s.parts[tag], s.roles[tag], s.owner[tag]) == ("role_tag", "observation", 1)
    assert (s.parts[-1], s.message_index[-1], s.owner[-1]) == ("stop", -1, 3)
    rewritten = (s.message_index == 1) & (s.parts == "content")
    assert (s.spans[rewritten] == -1).all()


def test_calls_and_results_without_each_other() -> None:
    assert text_of(glm4viz.label([user("?"), CALL], "chatglm3")).endswith("```<|observation|>\nnull<|endoftext|>")
    null = glm4viz.label([user("?"), CALL, observation(None)], "chatglm3")
    assert text_of(null).endswith("```<|observation|>\nnull<|endoftext|>")
    assert trained_text(glm4viz.label([observation("alone")], "chatglm3")) == "\nalone<|endoftext|>"


def test_tools_come_first_and_the_system_text_stays() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}, {"name": "g"}]
    s = glm4viz.label([user("?"), system("Be kind.", tools=tools)], "chatglm3")
    listed = '[\n    {\n        "name": "f"\n    },\n    {\n        "name": "g"\n    }\n]'
    assert f"tools:\n{listed}<|user|>\n?<|system|>\nBe kind.<|endoftext|>" in text_of(s)
    assert set(s.message_index[s.parts == "tools"]) == {1}
    assert "<|system|>\n<|user|>" in text_of(glm4viz.label([system("", tools=None), user("?")], "chatglm3"))


def test_loss_false_is_honoured_by_the_older_script_only() -> None:
    messages = [user("?"), assistant("no", loss=False), user("?"), assistant("yes", loss=1)]
    assert trained_text(glm4viz.label(messages, "chatglm3")) == "\nyes<|endoftext|>"
    assert trained_text(glm4viz.label(messages, "chatglm3-hf")) == "\nno<|user|>‖\nyes<|endoftext|>"


def test_the_later_script_trains_results_and_forgets_names() -> None:
    s = glm4viz.label([user("?"), assistant("{}", metadata="f"), observation("1"), assistant("")], "chatglm3-hf")
    assert trained_text(s) == "\n{}<|observation|>\n1<|assistant|>\n<|endoftext|>"
    assert 2 in s.owner


# XTuner ---------------------------------------------------------------------------------------------------------------


def test_turns_of_xtuner() -> None:
    messages = [
        *(assistant("dropped"), system("first"), system("S"), user("a"), user("b"), assistant("c")),
        *(assistant("d"), user("dropped")),
    ]
    s = glm4viz.label(messages, "xtuner")
    again = "[gMASK]<sop><|user|>\n<|assistant|>\nd<|endoftext|>\n"
    assert text_of(s) == f"[gMASK]<sop><|system|>\nS<|user|>\nab<|assistant|>\nc<|endoftext|>\n{again}"
    assert trained_text(s) == "c<|endoftext|>‖d<|endoftext|>"
    assert sorted(set(s.message_index.tolist())) == [-1, 2, 3, 5, 6]  # b begins in the middle of the token ab
    assert set(s.owner.tolist()) == {-1, 5, 6}
    stops = s.parts == "stop"
    assert s.message_index[stops].tolist() == s.owner[stops].tolist() == [5, 6]


def test_xtuner_reads_loss_as_a_truth_value_or_its_name() -> None:
    answers = [assistant("0", loss="False"), assistant("1", loss="TRUE"), assistant("2", loss=None), assistant("3", loss=True)]
    messages = [message for answer in answers for message in (user("?"), answer)]
    assert trained_text(glm4viz.label(messages, "xtuner")) == "1<|endoftext|>‖3<|endoftext|>"
    assert trained_text(glm4viz.label(messages, "xtuner-internlm2")) == "1<|im_end|>‖3<|im_end|>"


def test_xtuner_knows_its_special_tokens_in_texts() -> None:
    messages = [user("<|user|></s>"), assistant("<|im_end|><|observation|>")]
    chatglm3, internlm2 = (glm4viz.label(messages, recipe) for recipe in ("xtuner", "xtuner-internlm2"))
    ids, names = TOK.special_ids, TOK.named_ids
    assert chatglm3.input_ids.tolist().count(ids["<|user|>"]) == 2
    assert names["</s>"] not in chatglm3.input_ids
    assert names["</s>"] in internlm2.input_ids
    assert internlm2.input_ids.tolist().count(names["<|im_end|>"]) == 3
    assert not set(ids.values()) & set(internlm2.input_ids.tolist())
    inner = internlm2.input_ids.tolist().index(names["</s>"])
    assert (internlm2.parts[inner], internlm2.spans[inner].tolist()) == ("content", [8, 12])


THREE = CONVERSATIONS["open-mixed-three-turns"]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_split_makes_one_sample_of_every_answer(name: str) -> None:
    messages = CONVERSATIONS[name]
    answers = [m for m, message in enumerate(messages) if message["role"] == "assistant"]
    whole, samples = glm4viz.label(messages), glm4viz.label_all(messages, "xtuner-split")
    assert len(samples) == len(answers)
    for m, s in zip(answers, samples, strict=True):
        upto = glm4viz.label(messages[: m + 1])
        assert s.input_ids.tolist() == upto.input_ids.tolist()
        assert s.labels.tolist() == np.where(upto.owner == m, upto.labels, -100).tolist()
        assert set(s.owner[s.trained]) == ({m} if messages[m]["content"] else set())
        assert s.message_index.max() <= m
        if messages[m]["content"]:
            assert (s.labels[-1], s.parts[-1]) == (TOK.special_ids["<|endoftext|>"], "stop")
        assert s.spans[s.message_index == m].tolist() == whole.spans[whole.message_index == m].tolist()
    if len(samples) > 1:
        with pytest.raises(SeveralSamples, match=str(len(samples))):
            glm4viz.label(messages, "xtuner-split")
    batch = glm4viz.label_batch([messages], "xtuner-split")
    assert batch.source.tolist() == [0] * len(samples)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_last_turn_is_glm4_with_only_the_last_answer_trained(name: str) -> None:
    messages = CONVERSATIONS[name]
    last = max(m for m, message in enumerate(messages) if message["role"] == "assistant")
    whole, s = glm4viz.label(messages), glm4viz.label(messages, "xtuner-last-turn")
    assert s.input_ids.tolist() == whole.input_ids.tolist()
    assert s.labels.tolist() == np.where(whole.owner == last, whole.labels, -100).tolist()


def test_every_split_sample_is_cut() -> None:
    assert [len(s) for s in glm4viz.label_all(THREE, "xtuner-split", max_length=30)] == [30, 30, 30]


# InternLM -------------------------------------------------------------------------------------------------------------


def test_alpaca_trains_answer_end_newline_and_end_of_text() -> None:
    s = glm4viz.label([user("?"), assistant("Hi! <eoa>")], "internlm-alpaca")
    assert trained_text(s) == "Hi‖ <eoa><eoa>\n</s>"  # the exclamation mark is id 0, which has no sign
    assert TOK.encode("!") == [0]
    assert s.parts[-4:].tolist() == ["content", "stop", "separator", "stop"]
    assert s.message_index[-4:].tolist() == [1, 1, 1, -1]
    assert s.owner[-4:].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("limit", range(1, 14))
def test_alpaca_forces_the_end_token(limit: int) -> None:
    messages = [user("?"), assistant("one two three")]
    whole, cut = (glm4viz.label(messages, "internlm-alpaca", max_length=n) for n in (None, limit))
    kept = min(limit, len(whole)) - 1
    assert cut.input_ids.tolist() == [*whole.input_ids[:kept].tolist(), TOK.named_ids["</s>"]]
    assert cut.labels.tolist() == [*whole.labels[:kept].tolist(), TOK.named_ids["</s>"]]


# Firefly --------------------------------------------------------------------------------------------------------------


def test_firefly_strips_and_remembers_where_the_rest_stood() -> None:
    messages = [system("\tS "), user("　 你好 \n"), assistant("\n\n好 \n")]
    for recipe in ("firefly-chatglm3", "firefly-internlm2"):
        s = glm4viz.label(messages, recipe)
        held = [s.spans[(s.message_index == m) & (s.spans[:, 0] >= 0)].tolist() for m in range(3)]
        assert [(spans[0][0], spans[-1][1]) for spans in held] == [(1, 2), (4, 10), (2, 5)]
    assert trained_text(glm4viz.label(messages, "firefly-chatglm3")) == "好<|endoftext|>"
    assert trained_text(s) == "好<|im_end|>\n"
    assert s.parts[-3:].tolist() == ["content", "stop", "separator"]
    assert set(s.owner[-3:].tolist()) == {2}


def test_firefly_s_own_system_prompt_belongs_to_no_message() -> None:
    for recipe in ("firefly-chatglm3", "firefly-internlm2"):
        s = glm4viz.label([user("?"), assistant("!")], recipe)
        end = s.roles.tolist().index("user")
        assert set(s.message_index[:end]) == {-1}
        assert "You are" in text_of(s)
        assert "You are" not in text_of(glm4viz.label([system(" "), user("?"), assistant("!")], recipe))


def test_malformed_conversations_stay_conversation_errors() -> None:
    for recipe in IDS:
        with pytest.raises(ConversationError):
            glm4viz.label([{"role": "user"}], recipe)
