"""Any model: the tokenizer's own chat template, and a mask made of what it says, by {% generation %} or by comparing prefixes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glm4viz.errors import Glm4vizError, RecipeRejects, TokenizerError
from glm4viz.layout import Made, Message, Piece, Segment, Writer
from glm4viz.recipe import GENERATION_STOPS, LabelledSample, Recipe, Source
from glm4viz.systems import chat_template
from glm4viz.systems.chat_template import Rendered
from glm4viz.systems.rendered import segments
from glm4viz.texts import Text
from glm4viz.tokenizer import Ids, Offsets, Tokenizer

# Tokens at which models of the families that have chat templates stop.
ENDS = (
    *GENERATION_STOPS,
    *("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<end_of_turn>", "<eos>", "</s>", "<|end|>", "<|return|>", "<|call|>"),
    *("<｜end▁of▁sentence｜>", "<|END_OF_TURN_TOKEN|>", "<|eot|>", "<turn|>", "<eop>", "[EOS]"),
)
# Stands in where no tokenizer is given, so that the recipes can be looked at: GLM-4.5's tags, every answer closed by an end token.
SHOWN = """[gMASK]<sop>
{%- if tools %}<|system|>
# Tools
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}{% endif %}
{%- for message in messages %}
{%- if message.role == 'assistant' %}<|assistant|>
{% generation %}
{%- if message.reasoning_content %}<think>{{ message.reasoning_content }}</think>
{% endif %}
{{- message.content or '' }}
{%- for call in message.tool_calls or [] %}{% set function = call.function or call %}<tool_call>{{ function.name }}
{{ function.arguments | tojson }}</tool_call>{% endfor %}<|endoftext|>
{%- endgeneration %}
{%- else %}<|{{ 'observation' if message.role == 'tool' else message.role }}|>
{{ message.content or '' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>
{% endif %}"""
GENERATION = re.compile(r"\{\%-?\s*generation\s*-?\%\}")


class Template:
    """A tokenizer's template with what it needs, for one conversation's tools."""

    def __init__(self, tokenizer: Tokenizer, tools: Sequence[Any] | None) -> None:
        self.tokenizer, self.tools = tokenizer, tools
        self.text = template_of(tokenizer, tools)

    def render(self, messages: Sequence[Message], *, prompt: bool = False) -> Rendered:
        """Raises RecipeRejects, with what the template said."""
        if not messages:
            raise RecipeRejects(
                "The conversation begins with an answer: no prompt stands before it (transformers renders no empty conversation). "
                "Put a question first.",
                "对话以回答开头：它之前没有提示（transformers 不渲染空对话）。请先放一条提问。",
            )
        try:
            return chat_template.render(self.text, messages, self.tools, prompt=prompt, variables=self.tokenizer.variables)
        except Glm4vizError:
            raise
        except Exception as error:  # a template of somebody's own may raise anything
            reason = f"{type(error).__name__}: {error}"
            raise RecipeRejects(
                f"The chat template stops at this conversation ({reason}).", f"聊天模板处理这段对话时会停下（{reason}）。"
            ) from None


def template_of(tokenizer: Tokenizer, tools: Sequence[Any] | None) -> str:
    """The template that transformers takes, of several the one for tools. Raises TokenizerError where there is none."""
    templates: Mapping[str, str] = tokenizer.templates
    name = "tool_use" if tools is not None and "tool_use" in templates else "default"
    if name in templates:
        return templates[name]
    if is_shown(tokenizer):
        return SHOWN
    several = ", ".join(sorted(templates))
    raise TokenizerError(
        f"{tokenizer.name} has {f'several chat templates ({several}) and no default' if several else 'no chat template'}. Load a model's "
        "directory that has one, or give one: tokenizer.with_template(text).",
        f"{tokenizer.name} {f'有多个聊天模板（{several}）但没有 default' if several else '没有聊天模板'}。请加载带模板的模型目录，"
        "或自行提供：tokenizer.with_template(text)。",
    )


def is_shown(tokenizer: Tokenizer) -> bool:
    """Whether this is the bundled vocabulary that stands in."""
    return tokenizer.name == "glm-4.5" and not tokenizer.templates


def placed(template: Template, messages: Sequence[Message], whole: Rendered) -> list[Segment]:
    """The rendered text as segments."""
    variables = template.tokenizer.variables
    prefix = str(variables.get("bos_token") or ("[gMASK]<sop>" if is_shown(template.tokenizer) else ""))
    ends = (*ENDS, str(variables.get("eos_token") or ENDS[0]))
    return segments(whole.text, messages, lambda some: template.render(some).text, ends, prefix)


def write(w: Writer, found: Sequence[Segment], made: Made) -> None:
    """One piece: the whole text as the template made it, encoded as the tokenizer does."""
    if found:
        w.rows[-1].append(Piece(-1, tuple(found), False, made=made))


# {% generation %} -----------------------------------------------------------------------------------------------------


def generation(messages: Sequence[Message], w: Writer) -> None:
    """Trained is what stands in the template's {% generation %} blocks, by the same arithmetic as transformers'."""
    template = Template(w.tokenizer, w.tools)
    if not GENERATION.search(template.text):
        raise RecipeRejects(
            f"The chat template of {w.tokenizer.name} has no {{% generation %}} block, so transformers would mask every token. Give the "
            "template with such blocks around the answers (tokenizer.with_template), or take the recipe hf-prefix.",
            f"{w.tokenizer.name} 的聊天模板里没有 {{% generation %}} 块，transformers 会屏蔽所有 token。请提供在回答外加上这种块的模板"
            "（tokenizer.with_template），或改用配方 hf-prefix。",
        )
    whole = template.render(messages)
    traced = w.tokenizer.trace(whole.text, specials=True)
    size = len(traced.ids)
    mask, block_of = np.zeros(size, bool), np.full(size, -1, np.int32)
    for number, (start, stop) in enumerate(whole.blocks):
        first, last = traced.token_at(start), traced.token_at(stop - 1)
        if first is None:  # transformers takes this for a cut, and leaves the rest masked
            break
        until = last + 1 if last else size
        mask[first:until] = True
        block_of[first:until] = number
    found = placed(template, messages, whole)
    write(w, found, Made(traced, mask, _owners(messages, len(whole.blocks), block_of, _standing_in(found, traced.starts))))


def _standing_in(found: Sequence[Segment], starts: Offsets) -> Ids:
    """int32 [T]: the message that each token stands in."""
    ends = np.cumsum([len(segment.text.encode()) for segment in found])
    return np.array([*(segment.message for segment in found), -1], np.int32)[np.searchsorted(ends, starts, "right")]


def _owners(messages: Sequence[Message], blocks: int, block_of: Ids, standing_in: Ids) -> Ids:
    """The answer that each block teaches: the one it stands in. Where that can't be told but every answer has a block, the answers in order."""
    answers = [m for m, message in enumerate(messages) if message["role"] == "assistant"]
    owners = np.array([*(answers if len(answers) == blocks else [-1] * blocks), -1], np.int32)
    for block in range(blocks):
        inside = [m for m in standing_in[block_of == block].tolist() if m in answers]
        owners[block] = inside[0] if inside else owners[block]
    return owners[block_of]


# Prefixes -------------------------------------------------------------------------------------------------------------


def prefixes(messages: Sequence[Message], w: Writer) -> None:
    """Trained of each answer are the tokens of the conversation up to it that the prompt before it doesn't have."""
    template = Template(w.tokenizer, w.tools)
    whole = template.render(messages)
    traced = w.tokenizer.trace(whole.text, specials=True)
    mask, owners = np.zeros(len(traced.ids), bool), np.full(len(traced.ids), -1, np.int32)
    for m, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before, upto = template.render(messages[:m], prompt=True).text, template.render(messages[: m + 1]).text
        start = _length(w.tokenizer, before, upto, m, "prompt")
        stop = _length(w.tokenizer, upto, whole.text, m, "history")
        mask[start:stop], owners[start:stop] = True, m
    write(w, placed(template, messages, whole), Made(traced, mask, owners))


def _length(tokenizer: Tokenizer, shorter: str, longer: str, m: int, kind: str) -> int:
    """How many tokens the shorter text has, which must begin the longer one, in text and in tokens. Raises RecipeRejects."""
    first, second = (tokenizer.encode(text, specials=True) for text in (shorter, longer))
    if second[: len(first)] == first:
        return len(first)
    at = next((i for i, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), min(len(shorter), len(longer)))
    if at == len(shorter):
        what = "its last tokens merge with what follows", "末尾的 token 与后文合并"
    else:
        a, b = repr(shorter[at : at + 24]), repr(longer[at : at + 24])
        what = f"from character {at} on it has {a}, and later {b}", f"从第 {at} 个字符起是 {a}，后来却是 {b}"
    en, zh = (
        ("the prompt before it is not how the conversation with it begins", "它之前的提示不是包含它的对话的开头")
        if kind == "prompt"
        else ("the template rewrites the conversation up to it once more messages follow", "后面还有消息时，模板会改写到它为止的对话")
    )
    raise RecipeRejects(
        f"messages[{m}]: {en} ({what[0]}), so its tokens can't be told by prefixes. Use hf-generation with a template that marks answers.",
        f"messages[{m}]：{zh}（{what[1]}），无法用前缀区分它的 token。请使用 hf-generation 和标出回答的模板。",
    )


# The recipes ----------------------------------------------------------------------------------------------------------

STANDS_IN: Text = {
    "en": "No tokenizer with a chat template was given: this is GLM-4.5's vocabulary with a small template of glm4viz's own, to look at. "
    "Give your model's: load_tokenizer(directory).",
    "zh": "没有给出带聊天模板的分词器：这里用的是 GLM-4.5 的词表和 glm4viz 自己的一个小模板，仅供查看。请给出你的模型的：load_tokenizer(目录)。",
}


def finish(sample: LabelledSample, max_length: int | None) -> LabelledSample:
    """The tail goes. The tokenizer's own end token is a stop, and a stand-in is said to be one."""
    eos = sample.tokenizer.variables.get("eos_token")
    if eos and eos not in sample.recipe.stops:
        sample = replace(sample, recipe=replace(sample.recipe, stops=(*sample.recipe.stops, eos)))
    if is_shown(sample.tokenizer):
        sample = replace(sample, notes=(*sample.notes, STANDS_IN))
    return sample if max_length is None else sample.take(np.arange(min(max_length, len(sample))))


ALIVE: Text = {
    "en": "Text that spells an added token becomes that token, as it does when transformers encodes the rendered text.",
    "zh": "文本里写出的附加 token 会变成真正的 token，与 transformers 编码渲染结果时一样。",
}
NULLS: Text = {
    "en": "A null key counts as absent; reasoning_content, thinking and reasoning are one field (transformers 5.23).",
    "zh": "值为 null 的键等于没有；reasoning_content、thinking 和 reasoning 是同一个字段（transformers 5.23）。",
}
LENGTH: Text = {"en": "a limit given to glm4viz cuts the tail", "zh": "给 glm4viz 的上限会丢弃尾部"}


def _hf(id: str, path: str, rule: Text, *quirks: Text, layout: Any) -> Recipe:
    return Recipe(
        id=id,
        system="Transformers",
        source=Source("huggingface/transformers", path, "v5.23.0", "2026-11-13"),
        rule=rule,
        max_length=LENGTH,
        layout=layout,
        fit=finish,
        form="openai",
        vocabulary="glm-4.5",
        needs=(),
        stops=ENDS,
        quirks=(*quirks, ALIVE, NULLS),
    )


RECIPES = (
    _hf(
        "hf-generation",
        "src/transformers/tokenization_utils_base.py",
        {
            "en": "The tokenizer's own chat template is rendered, and what stands in its {% generation %} blocks is trained: the mask of "
            "apply_chat_template(return_assistant_tokens_mask=True).",
            "zh": "渲染分词器自带的聊天模板，训练其中 {% generation %} 块里的内容：即 apply_chat_template(return_assistant_tokens_mask=True) 的掩码。",
        },
        {
            "en": "A token that reaches over the edge of a block is trained with it. Where a block's last character has no token of its own, as "
            "with trimmed offsets, everything to the end is trained; where its first has none, this block and all after it are masked.",
            "zh": "跨过块边界的 token 会随块一起训练。如果块的最后一个字符不在任何 token 的偏移里（偏移被修剪时），直到末尾都会训练；"
            "如果第一个字符不在，这个块和之后的都会被屏蔽。",
        },
        layout=generation,
    ),
    _hf(
        "hf-prefix",
        "src/transformers/utils/chat_template_utils.py",
        {
            "en": "The tokenizer's own chat template is rendered up to each answer, and before it with the generation prompt: the tokens that "
            "only the former has are trained.",
            "zh": "用分词器自带的聊天模板分别渲染到每个回答为止、以及它之前（加生成提示）：只有前者才有的 token 参与训练。",
        },
        {
            "en": "A template that writes earlier messages otherwise once more follow, as those do that drop old thoughts, is refused.",
            "zh": "如果后面还有消息时模板会改写前面的消息（例如丢弃旧的思考），则会拒绝。",
        },
        layout=prefixes,
    ),
)
