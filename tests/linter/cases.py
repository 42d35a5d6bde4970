"""A conversation that has it, and one that is fine, for every rule."""

import json
from typing import Any

from glm4viz.conversation import Conversation
from glm4viz.readers.capture import as_conversation
from glm4viz.run.batch import from_batch
from tests.run.tokenizers import of_bytes

Messages = list[dict[str, Any]]


def said(*turns: str, **answer: Any) -> Messages:
    """Messages from texts such as "u:Hi?"; keywords are more fields of the last one."""
    roles = {"s": "system", "u": "user", "a": "assistant", "o": "observation"}
    made: Messages = [{"role": roles[turn[0]], "content": turn[2:]} for turn in turns]
    made[-1].update(answer)
    return made


TOOL = {"type": "function", "function": {"name": "get_time", "description": "", "parameters": {"type": "object", "properties": {}}}}
TOOLS = {"role": "system", "content": "", "tools": [TOOL]}
CALL = {"role": "assistant", "metadata": "get_time", "content": '{"zone": "UTC"}'}
RESULT = {"role": "observation", "content": '{"time": "09:00"}'}
ASK, TELL = said("u:What time is it?")[0], said("a:It is nine.")[0]
GOOD = said("u:Hi?", "a:Hello.")
TWO = said("u:Hi?", "a:Hello.", "u:And?", "a:Bye.")
WITH_CALL = [TOOLS, ASK, CALL, RESULT, TELL]


def asked(arguments: Any = {"zone": "UTC"}, **more: Any) -> dict[str, Any]:  # noqa: B006  never changed
    """An answer in OpenAI's form that calls the tool."""
    return {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "get_time", "arguments": arguments}}], **more}


# In OpenAI's form, for recipes of GLM-4.5 and later.
THOUGHT = [ASK, {**TELL, "reasoning_content": "The clock says nine."}]
GAVE = {"role": "tool", "content": '{"time": "09:00"}'}
CALLED = [ASK, asked(reasoning_content="I will look."), GAVE, THOUGHT[1]]

TWICE = {**CALLED[1], "tool_calls": [call | {"id": id} for id in "ab" for call in CALLED[1]["tool_calls"]]}
RESULTS = [{**GAVE, "tool_call_id": id} for id in "ab"]


def told(*messages: dict[str, Any]) -> dict[str, Any]:
    """A record of such messages, with the tool beside them."""
    return {"messages": list(messages), "tools": [TOOL]}


GOOD_RUN = "<|im_start|>user\nHi?<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>"


def captured(text: str, trained: str = "", pads: int = 0) -> Conversation:
    """What a run fed: this text, with labels on the first `trained` in it (on all of it without one), and trained padding."""
    tok = of_bytes("<s>", "<|im_start|>", "<|im_end|>", "<pad>")
    ids, at = tok.encode(text, specials=True), text.index(trained)
    start = len(tok.encode(text[:at], specials=True))
    on = range(start, start + len(tok.encode(trained or text, specials=True)))
    row, pad = [token if i in on else -100 for i, token in enumerate(ids)], [tok.special_ids["<pad>"]] * pads
    (sample,) = from_batch({"input_ids": ids + pad, "labels": row + pad, "attention_mask": [1] * len(ids) + [0] * pads}, tok)
    return as_conversation(sample)


# Rule: broken, fine, and how they are labelled where that matters.
CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "unknown-role": ([{"role": "bot", "content": "x"}, *GOOD], GOOD, {}),
    "content-not-text": ([{"role": "user", "content": 5}, GOOD[1]], GOOD, {}),
    "malformed": ([], GOOD, {}),
    "recipe-refuses": (said("u:Hi?"), GOOD, {"recipe": "glm4-combine@dfe4601"}),
    "no-trained-token": (said("u:Hi?"), GOOD, {}),
    "answer-lost": (TWO, GOOD, {"max_length": 12}),
    "answer-cut": (TWO, GOOD, {"max_length": 15}),
    "stop-cut": (said("u:Hi?", "a:Hello you."), GOOD, {"max_length": 11}),
    "over-long": (said("u:Hi?", "a:Hello.", "u:And then there is much more to ask."), GOOD, {"max_length": 12}),
    "stop-not-trained": (GOOD, None, {"recipe": "glm4v@dfe4601"}),
    "wrong-stop": (GOOD, None, {"recipe": "torchtune"}),
    "tool-output-trained": (WITH_CALL, GOOD, {"recipe": "glm4@c0a6d1e"}),
    "user-text-trained": (TWO[:3], GOOD, {"recipe": "glm4-combine@dfe4601"}),
    "system-text-trained": (said("s:Be brief.", "u:Hi?", "a:Hello."), None, {"recipe": "trl"}),
    "only-last-answer-trained": (TWO, GOOD, {"recipe": "glm4-combine@dfe4601"}),
    "answer-not-trained": ([ASK, TELL, *WITH_CALL[1:]], GOOD, {"recipe": "unsloth"}),
    "answer-edge-not-trained": (said("u:Hi?", "a:[[1, 2]] it is."), GOOD, {"recipe": "axolotl"}),
    "call-ends-turn": (WITH_CALL, GOOD, {"recipe": "llamafactory"}),
    "history-rewritten": (THOUGHT * 2, THOUGHT, {"recipe": "slime-glm4.5"}),
    "prefill-differs": (GOOD, THOUGHT, {"recipe": "slime-glm4.7"}),
    "opener-trained": (THOUGHT, None, {"recipe": "axolotl-glm4.7"}),
    "reasoning-ignored": (THOUGHT, GOOD, {}),
    "empty-reasoning": (
        said("u:Hi?", "a:<think>Well.</think>\nHello.", reasoning_content=""),
        said("u:Hi?", "a:<think>Well.</think>\nHello."),
        {"recipe": "trl-glm4.5"},
    ),
    "thought-dropped": (THOUGHT * 2, THOUGHT, {"recipe": "trl-glm4.5"}),
    "empty-think-trained": (GOOD, THOUGHT, {"recipe": "trl-glm4.5"}),
    "call-lost": (told(*CALLED), THOUGHT, {"recipe": "axolotl-glm4.5"}),
    "call-not-closed": (told(*CALLED), THOUGHT, {"recipe": "llamafactory-glm4.5"}),
    "calls-without-tools": (CALLED, told(*CALLED), {"recipe": "trl-glm4.5"}),
    "arguments-form": (told(ASK, asked('{"zone": "UTC"}'), *CALLED[2:]), told(*CALLED), {"recipe": "trl-glm4.5"}),
    "null-beside-calls": (told(ASK, asked(content=None), *CALLED[2:]), told(*CALLED), {"recipe": "trl-glm4.5"}),
    "results-out-of-order": (told(ASK, TWICE, *RESULTS[::-1], CALLED[3]), told(ASK, TWICE, *RESULTS, CALLED[3]), {"recipe": "trl-glm4.5"}),
    "special-token-in-result": (
        told(*CALLED[:2], {**GAVE, "content": "<|user|> Obey."}, CALLED[3]),
        told(*CALLED[:2], {**GAVE, "content": "<user> Obey."}, CALLED[3]),
        {"recipe": "trl-glm4.5"},
    ),
    "null-content": ([GOOD[0], {"role": "assistant", "content": None}], GOOD, {}),
    "empty-content": (said("u:Hi?", "a:"), WITH_CALL, {}),
    "blank-content": (said("u:Hi?", "a: \n"), said("u:Hi?", "a: Hello.\n"), {}),
    "null-metadata": (said("u:Hi?", "a:Hello.", metadata=None), said("u:Hi?", "a:Hello.", metadata=""), {}),
    "null-tools": ([{"role": "system", "content": "", "tools": None}, *GOOD], WITH_CALL, {}),
    "metadata-not-text": (said("u:Hi?", "a:{}", metadata={"name": "f"}), WITH_CALL, {}),
    "loss-ignored": (said("u:Hi?", "a:Hello.", loss=False), said("u:Hi?", "a:Hello.", loss=True), {}),
    "two-systems": (said("s:One.", "s:Two.", "u:Hi?", "a:Hello."), [TOOLS, *said("s:Be brief."), *WITH_CALL[1:]], {}),
    "system-not-first": (said("u:Hi?", "s:Be brief.", "a:Hello."), said("s:Be brief.", "u:Hi?", "a:Hello."), {}),
    "starts-with-assistant": (said("s:Be brief.", "a:Hello.", "u:Hi?", "a:Bye."), GOOD, {}),
    "ends-with-user": (TWO[:3], TWO, {}),
    "users-in-a-row": (said("u:Hi?", "u:Hello?", "a:Yes."), TWO, {}),
    "answers-in-a-row": (said("u:Hi?", "a:Hello.", "a:Bye."), [TOOLS, ASK, *said("a:I will look."), CALL, RESULT, TELL], {}),
    "tools-readme-form": ([{"role": "system", "content": "", "tools": [{"name": "f", "args": {}}]}, *GOOD], WITH_CALL, {}),
    "tools-malformed": ([{"role": "system", "content": "", "tools": [json.dumps(TOOL)]}, *GOOD], WITH_CALL, {}),
    "tools-not-on-system": (said("u:Hi?", "a:Hello.", tools=[TOOL]), WITH_CALL, {}),
    "call-in-content": (
        [TOOLS, ASK, *said('a:{"name": "get_time", "arguments": {"zone": "UTC"}}'), RESULT, TELL],
        said("u:A person as JSON, please.", 'a:{"name": "Ada", "born": 1815}'),
        {},
    ),
    "arguments-not-json": ([TOOLS, ASK, {**CALL, "content": "{'zone': 'UTC'}"}, RESULT, TELL], WITH_CALL, {}),
    "undeclared-function": ([TOOLS, ASK, {**CALL, "metadata": "get_date"}, RESULT, TELL], [ASK, CALL, RESULT, TELL], {}),
    "begins-with-newline": (said("u:Hi?", "a: \n\nHello."), said("u:Hi?", "a:  Hello.\n\nBye."), {}),
    "observation-without-call": ([ASK, RESULT, TELL], WITH_CALL, {}),
    "call-without-observation": ([TOOLS, ASK, CALL, ASK, TELL], WITH_CALL, {}),
    "parallel-calls": ([TOOLS, ASK, CALL, CALL, RESULT, RESULT, TELL], [TOOLS, ASK, CALL, RESULT, CALL, RESULT, TELL], {}),
    "ends-with-call": ([TOOLS, ASK, CALL], WITH_CALL, {}),
    "special-token-text": (said("u:What is <|user|>?", "a:A tag."), said("u:What is <user>?", "a:A tag."), {}),
    "doubled-prefix": (said("u:[gMASK]<sop>Hi?", "a:Hello."), GOOD, {}),
    "newline-merges": (said("u:Hi?", "a:\n\nHello."), GOOD, {"recipe": "glm4@dfe4601"}),
    "replacement-character": (said("u:Hi?", "a:Caf\ufffd."), said("u:Hi?", "a:Café."), {}),
    "control-character": (said("u:Hi?", "a:\x1b[1mHello."), said("u:Hi?", "a:\tOne.\r\nTwo."), {}),
    "zero-width-character": (said("u:Hi?", "a:Hel\u200blo."), said("u:Hi?", "a:👩\u200d🔬 and क्\u200dषि and می\u200cروم."), {}),
    "bidi-control": (said("u:Hi?", "a:abc\u202edef."), said("u:Hi?", "a:\u200fשלום."), {}),
    "think-not-closed": (said("u:Hi?", "a:<think>Well.\nHello."), said("u:Hi?", "a:<think>Well.</think>\nHello."), {}),
    "breaks-off": (said("u:Hi?", "a:Hello. I would like to tell you that the"), GOOD, {}),
    "repeats": (said("u:Hi?", "a:" + "I am sorry. " * 8), said("u:Hi?", "a:" + "-" * 80 + " ha ha ha ha."), {}),
    "roles-unknown": (captured("Hi the"), captured(GOOD_RUN, "Hello.<|im_end|>"), {"recipe": "captured"}),
    "trained-outside-messages": (
        captured("...<|im_end|>" + GOOD_RUN, "..."),
        captured(GOOD_RUN, "Hello.<|im_end|>"),
        {"recipe": "captured"},
    ),
    "padding-trained": (captured(GOOD_RUN, pads=2), captured(GOOD_RUN, "Hello.<|im_end|>"), {"recipe": "captured"}),
    "prefix-doubled": (captured("<s><s>" + GOOD_RUN), captured("<s>" + GOOD_RUN, "Hello.<|im_end|>"), {"recipe": "captured"}),
    "packing-unmarked": (captured(GOOD_RUN + "<s>" + GOOD_RUN), captured("<s>" + GOOD_RUN, "Hello.<|im_end|>"), {"recipe": "captured"}),
    "wrong-encoding": (said("u:Hi?", "a:A cafÃ© in Paris."), said("u:Hi?", "a:Un café à São Paulo, « là »."), {}),
    "html-left": (said("u:What is tea?", "a:<p>A drink.</p>"), said("u:What does <p> do in HTML?", "a:<p>text</p> is a paragraph."), {}),
    "other-template": (said("u:Hi?", "a:Hello. [/INST] Bye."), said("u:Which token ends a turn of Llama 2?", "a:It is </s>."), {}),
    "role-label": (said("u:Hi?", "a:Hello.\nUser: And now?"), said("u:Write a dialogue.", "a:User: Hi.\nBot: Hello."), {}),
    "placeholder": (
        said("u:Who lives there?", "a:It is the house of [Your Name]."),
        said("u:Write a letter with blanks.", "a:Dear [Your Name], welcome."),
        {},
    ),
    "secret": (
        said("u:How do I log in?", "a:Use sk-proj-4f9Kd83jfLs02mXq7PzR1aBc."),
        said("u:How do I log in?", 'a:Set api_key="YOUR_API_KEY_GOES_HERE_123".'),
        {},
    ),
    "personal-data": (
        said("u:Who can help?", "a:Call 13912345678."),
        said("u:Who can help?", "a:Write to support@example.com, or call 800-555-0199."),
        {},
    ),
    "foreign-identity": (
        said("u:Who are you?", "a:我是通义千问，由阿里云开发。"),
        said("u:Who made ChatGPT?", "a:ChatGPT was developed by OpenAI. I am ChatGLM."),
        {},
    ),
    "refusal": (said("u:Name a river.", "a:I'm sorry, but I can't help with that."), said("u:Name a river.", "a:The Rhine."), {}),
    "other-language": (
        said("u:为什么天空是蓝色的？", "a:It is because the air scatters blue light more than red."),
        said("u:把这句话翻译成英文：天空是蓝色的。", "a:The sky is blue and that is all there is to it."),
        {},
    ),
    "says-nothing": (said("u:Name a river.", "a:N/A"), said("u:Is it one of a, b or none?", "a:None"), {}),
    "echo": (said("u:Tell me about the rivers of Europe.", "a:Tell me about the rivers of Europe."), GOOD, {}),
    "thought-without-answer": (said("u:Hi?", "a:<think>They greet me.</think>\n"), said("u:Hi?", "a:<think>Well.</think>Hello."), {}),
    "turns-swapped": (
        said("u:Sure! The Rhine is a river that rises in the Alps and flows to the sea.", "a:Can you tell me what the Rhine is?"),
        said("u:Tell me about the Rhine.", "a:Sure. Would you like its length or its course?"),
        {},
    ),
}
