"""How the chat formats of model families mark who speaks. Each is data; `turns` reads a row by it.

Sources: the chat templates that the models come with. GLM-4 and GLM-4.5 (zai-org), ChatML (Qwen2 to Qwen3, Yi, InternLM2), Llama 3 and 4
(Meta), Gemma 1 to 4 (Google), DeepSeek V2 to R1, Mistral (mistral-common, V1 to V13) and Llama 2, gpt-oss (OpenAI's harmony), Phi-3 and 4
(Microsoft), Kimi K2 (Moonshot) and Granite 3 (IBM).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from glm4viz.recipe import GENERATION_STOPS, Form

ROLE_NAMES = {
    **{name: name for name in ("system", "user", "assistant", "tool")},
    "developer": "system",
    "model": "assistant",
    "ipython": "tool",
    "observation": "tool",
    "environment": "tool",
    "function": "tool",
    "functions": "tool",  # harmony: functions.name to=assistant
    "human": "user",
}


@dataclass(frozen=True, kw_only=True)
class Family:
    """tags: special tokens that open a message, with its role. start: one behind which the role's name is written, up to `name_end`: a
    special token, or a newline. blank: what is skipped before the content. ends: tokens that end a message. closes: tokens that end one
    where another begins without a tag, with the role of that one ("" for none). calls: tokens that begin a call inside an answer.
    think: the tags around a thought. bare: the role of text right behind the prefix ("" for none). unless: its tags mean something else
    in a tokenizer that has all of these. metadata: an answer's header may be a function's name. own_end: an end token belongs to the message it ends; in
    GLM it is written behind the conversation, and belongs to none. needs: special tokens that the tokenizer must have. plain: the tags are text, not tokens.
    """

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    start: str = ""
    name_end: str = "\n"
    blank: str = ""
    ends: tuple[str, ...] = ()
    closes: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    think: tuple[str, str] = ("<think>", "</think>")
    bare: str = ""
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    metadata: bool = False
    own_end: bool = True
    form: Form = "openai"
    plain: bool = False

    @cached_property
    def openers(self) -> frozenset[str]:
        """What opens a message."""
        return frozenset({*self.tags, *([self.start] if self.start else [])})

    @cached_property
    def marks(self) -> frozenset[str]:
        """All special tokens that are more than content."""
        named = {self.name_end} if self.name_end.strip() else set()
        return self.openers | named | {*self.ends, *self.closes, *self.calls, *self.think, *self.prefix, *self.stops}

    def fits(self, names: Collection[str]) -> bool:
        """Whether a tokenizer with these special tokens may write it."""
        if self.unless and all(name in names for name in self.unless):
            return False
        return self.plain or (all(name in names for name in self.needs) and any(name in names for name in self.openers))


_GLM_TAGS = {"<|system|>": "system", "<|user|>": "user", "<|assistant|>": "assistant", "<|observation|>": "tool"}
_GLM_PREFIX = ("[gMASK]", "<sop>", "sop")  # the last is ChatGLM3's
_INST = {"[INST]": "user", "[SYSTEM_PROMPT]": "system", "[TOOL_RESULTS]": "tool"}
_INST_CLOSES = {"[/INST]": "assistant", "[/SYSTEM_PROMPT]": "", "[/TOOL_RESULTS]": "assistant"}

GLM4 = Family(
    name="GLM-4",
    tags={**_GLM_TAGS, "<|observation|>": "observation"},
    blank="\n",
    ends=("<|endoftext|>",),
    needs=("[gMASK]", "<|observation|>"),
    unless=("<think>", "<tool_call>"),
    prefix=_GLM_PREFIX,
    stops=GENERATION_STOPS,
    own_end=False,
    metadata=True,
    form="glm4",
)
GLM45 = Family(
    name="GLM-4.5",
    tags=_GLM_TAGS,
    blank="\n",
    ends=("<|endoftext|>",),
    calls=("<tool_call>",),
    needs=("[gMASK]", "<|observation|>", "<think>", "<tool_call>"),
    prefix=_GLM_PREFIX,
    stops=GENERATION_STOPS,
    own_end=False,
)
CHATML = Family(
    name="ChatML",
    start="<|im_start|>",
    ends=("<|im_end|>",),
    calls=("<tool_call>",),
    unless=("<|im_start|>", "<|im_sep|>"),
    prefix=("<s>", "<|startoftext|>", "<bos>"),
    stops=("<|im_end|>", "<|endoftext|>", "</s>"),
)
LLAMA3 = Family(
    name="Llama 3",
    start="<|start_header_id|>",
    name_end="<|end_header_id|>",
    blank="\n\n",
    ends=("<|eot_id|>", "<|eom_id|>"),
    calls=("<|python_tag|>",),
    prefix=("<|begin_of_text|>",),
    stops=("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
)
LLAMA4 = Family(
    name="Llama 4",
    start="<|header_start|>",
    name_end="<|header_end|>",
    blank="\n\n",
    ends=("<|eot|>", "<|eom|>"),
    calls=("<|python_start|>",),
    prefix=("<|begin_of_text|>",),
    stops=("<|eot|>", "<|eom|>", "<|end_of_text|>"),
)
GEMMA = Family(
    name="Gemma",
    start="<start_of_turn>",
    ends=("<end_of_turn>",),
    prefix=("<bos>",),
    stops=("<end_of_turn>", "<eos>"),
)
GEMMA4 = Family(
    name="Gemma 4",
    start="<|turn>",
    ends=("<turn|>",),
    calls=("<|tool_call>",),
    think=("<|channel>", "<channel|>"),
    prefix=("<bos>",),
    stops=("<turn|>", "<eos>"),
)
DEEPSEEK = Family(
    name="DeepSeek",
    tags={"<｜User｜>": "user", "<｜Assistant｜>": "assistant", "<｜tool▁outputs▁begin｜>": "tool"},
    ends=("<｜end▁of▁sentence｜>",),
    closes={"<｜tool▁outputs▁end｜>": "assistant"},
    calls=("<｜tool▁calls▁begin｜>",),
    bare="system",
    prefix=("<｜begin▁of▁sentence｜>",),
    stops=("<｜end▁of▁sentence｜>",),
)
MISTRAL = Family(
    name="Mistral",
    tags=_INST,
    ends=("</s>",),
    closes=_INST_CLOSES,
    calls=("[TOOL_CALLS]",),
    think=("[THINK]", "[/THINK]"),
    needs=("[INST]",),
    prefix=("<s>",),
    stops=("</s>",),
)
HARMONY = Family(
    name="gpt-oss",
    start="<|start|>",
    name_end="<|message|>",
    ends=("<|end|>", "<|return|>", "<|call|>"),
    prefix=("<|startoftext|>",),
    stops=("<|return|>", "<|call|>", "<|end|>"),
)
PHI = Family(
    name="Phi",
    tags={"<|system|>": "system", "<|user|>": "user", "<|assistant|>": "assistant"},
    blank="\n",
    ends=("<|end|>",),
    needs=("<|end|>",),
    unless=("[gMASK]", "<|observation|>"),
    prefix=("<s>",),
    stops=("<|end|>", "<|endoftext|>"),
)
ROLE_TAGS = Family(  # of no one model: a special token that is named for a role
    name="role tags",
    tags={"<|system|>": "system", "<|user|>": "user", "<|assistant|>": "assistant", "<|tool|>": "tool", "<|observation|>": "tool"},
    blank="\n",
    ends=("</s>", "<eos>", "<|endoftext|>", "<|end_of_text|>"),
    needs=("<|user|>", "<|assistant|>"),
    prefix=("<s>", "<bos>", "<|begin_of_text|>"),
    stops=("</s>", "<eos>", "<|endoftext|>", "<|end_of_text|>"),
)
PHI4 = Family(
    name="Phi-4",
    start="<|im_start|>",
    name_end="<|im_sep|>",
    ends=("<|im_end|>",),
    needs=("<|im_sep|>",),
    stops=("<|im_end|>", "<|endoftext|>"),
)
KIMI = Family(
    name="Kimi",
    tags={"<|im_system|>": "system", "<|im_user|>": "user", "<|im_assistant|>": "assistant"},
    name_end="<|im_middle|>",
    ends=("<|im_end|>",),
    calls=("<|tool_calls_section_begin|>",),
    prefix=("[BOS]",),
    stops=("<|im_end|>", "[EOS]"),
)
GRANITE = Family(
    name="Granite",
    start="<|start_of_role|>",
    name_end="<|end_of_role|>",
    ends=("<|end_of_text|>",),
    calls=("<|tool_call|>",),
    stops=("<|end_of_text|>",),
)
LLAMA2 = Family(
    name="Llama 2",
    tags={"[INST]": "user"},
    ends=("</s>",),
    closes={"[/INST]": "assistant"},
    unless=("[INST]",),
    prefix=("<s>",),
    stops=("</s>",),
    plain=True,
)

FAMILIES = (
    GLM4,
    GLM45,
    CHATML,
    LLAMA3,
    LLAMA4,
    GEMMA,
    GEMMA4,
    DEEPSEEK,
    MISTRAL,
    HARMONY,
    PHI,
    ROLE_TAGS,
    PHI4,
    KIMI,
    GRANITE,
    LLAMA2,
)


def end_names() -> frozenset[str]:
    """Every special token that may end an answer or open a message, in any family."""
    return frozenset(name for family in FAMILIES for name in (*family.openers, *family.ends, *family.closes, *family.stops))
