"""Rules on who an answer says it is by, and on answers that refuse."""

import re
from collections.abc import Iterator

from glm4viz.linter.case import Case, answers_of, question_before
from glm4viz.linter.findings import Hit, hit_in, rule
from glm4viz.linter.prose import prose
from glm4viz.texts import both

_MAKERS = (
    r"OpenAI|Anthropic|DeepMind|Google|Microsoft|Meta(?: AI)?|Mistral(?: AI)?|Alibaba(?: Cloud)?|Baidu|DeepSeek|Moonshot(?: AI)?|xAI|LMSYS|"
    r"Stability AI|Cohere|Tencent|ByteDance|iFlytek|Hugging ?Face|MiniMax|01\.AI|Baichuan|Databricks"
)
_MODELS = (
    r"ChatGPT|GPT-?[345][\w.-]*|Bard|Gemini|Qwen[\w.-]*|Tongyi(?: Qianwen)?|LLaMA[\w.-]*|Vicuna|Alpaca|Mistral|Mixtral|ERNIE(?: Bot)?|DeepSeek[\w.-]*|"
    r"Kimi|Copilot|Bing Chat|Grok|Baichuan|InternLM|Open ?Assistant|Doubao|Yi-\d+\w*|Koala|Dolly|Phi-\d[\w.-]*"
)
_MAKERS_ZH = "阿里(?:云|巴巴)?|达摩院|百度|腾讯|字节跳动|科大讯飞|讯飞|深度求索|月之暗面|商汤|华为|百川智能|零一万物|谷歌|微软|Meta|MiniMax|上海人工智能实验室"
_MODELS_ZH = "通义千问|千问|文心一言|文心|豆包|讯飞星火|星火认知|混元|盘古|日日新|百川|书生|月之暗面|天工|海螺"
_IDENTITY = re.compile(
    rf"(?i:\b(?:I am|I['’]m|my name is|call(?:ed)? me|this is|as|I was|I['’]ve been|I have been|being)\b)[^.!?。！？\n]{{0,60}}?"
    rf"(?i:\b(?:trained|developed|created|made|built|designed|from|by|powered|provided|released))[^.!?\n]{{0,24}}?\b(?:{_MAKERS})\b"
    rf"|(?i:\b(?:I am|I['’]m|my name is|as)(?: an?| the)?(?: AI| large| language| model| assistant| chatbot)*(?: called| named|,)? )(?:{_MODELS})\b"
    rf"|(?i:\b(?:I am|I['’]m|my name is|as)) Claude\b(?=[^.!?\n]{{0,60}}(?:AI|Anthropic|assistant|model))"
    rf"|\b(?:{_MAKERS}) (?i:trained|created|developed|built|made) me\b"
    rf"|(?:我(?:是|叫|乃|的名字是|的名字叫|名叫)|作为|身为|我来自|我由|我(?:是)?由|我背后|我所属)[^。！？!?\n]{{0,24}}?(?:{_MODELS}|{_MODELS_ZH}|{_MAKERS}|Claude)"
    rf"|(?:我(?:是|由|被)|作为)[^。！？\n]{{0,16}}?(?:由)?(?:{_MAKERS_ZH}|{_MAKERS})[^。！？\n]{{0,12}}?(?:开发|训练|研发|推出|创建|打造|提供|创造|设计|的(?:AI|人工智能|语言模型|助手|大模型))"
)
_MAKER_NAMED = re.compile(rf"{_MAKERS}|{_MODELS}|Claude|{_MAKERS_ZH}|{_MODELS_ZH}")

_REFUSAL = re.compile(
    r"(?i:\b(?:as|I am|I['’]m)(?: just| only)? an? (?:AI|artificial intelligence|large language model|language model|AI-powered)\b)"
    r"|(?i:\b(?:sorry|apologi[sz]e|afraid|unfortunately)\b[^.!?\n]{0,60}\b(?:can(?:['’]t|not)|unable|not able|won['’]t|couldn['’]t|not comfortable)\b[^.!?\n]{0,20}\b"
    r"(?:assist|help|fulfil|comply|provide|do that|answer|generate|create|discuss|engage|continue|support|complete|write|share|give))"
    r"|(?i:\b(?:I|we) (?:can(?:['’]t|not)|won['’]t|am unable to|am not able to|must (?:decline|refuse)|have to decline|cannot in good conscience)[^.!?\n]{0,12}"
    r"\b(?:assist|help|fulfil|comply|provide|answer|support|engage|that request|discuss|with (?:that|this))\b)"
    r"|(?i:\bI (?:do not|don['’]t) have (?:personal|access to real|the ability|feelings|emotions))|(?i:against (?:my|our|the) (?:programming|guidelines|policy|content policy|use policy))"
    r"|(?i:\bmy knowledge cut-?off\b|\bmy last (?:knowledge )?update\b|\bmy training data\b)"
    r"|(?:作为|身为|我(?:只)?是)一[个名款]?(?:AI|人工智能|大?型?语言模型|大模型|聊天机器人|虚拟助手|智能助手)"
    r"|(?:抱歉|对不起|很遗憾|不好意思)[^。！？\n]{0,20}(?:无法|不能|没办法|没有办法|不便|不可以|拒绝)[^。！？\n]{0,12}(?:回答|提供|帮|协助|满足|完成|生成|讨论|处理|支持|继续|回复|给出)"
    r"|我(?:无法|不能|没办法|不便)(?:回答|提供|协助|帮助|满足|讨论|回复)[^。！？\n]{0,12}(?:请求|问题|内容|要求|信息|帮助|话题)?|违反(?:了)?(?:相关)?(?:政策|规定|准则|我的)"
    r"|我的知识截止|我的训练数据|没有(?:个人|自己的)(?:情感|感情|观点|意见|喜好)"
)
_ABOUT_AI = re.compile(
    r"\bAI\b|\bbot\b|chatbot|assistant|language model|\bmodel\b|are you|人工智能|机器人|语言模型|你是|大模型|模型|拒绝|refus|declin",
    re.IGNORECASE,
)


@rule(
    "foreign-identity",
    "warning",
    title=both("An answer in another model's name", "回答自称是别的模型"),
    harm=both(
        "The answer says that it comes from another model or its maker: that is what the model is taught to say of itself.",
        "回答说自己是别的模型，或由别家开发：模型会学着这样介绍自己。",
    ),
    mend=both("Write the name that your model shall give, or remove the record.", "请改成你希望模型自称的名字，或删去这条记录。"),
)
def foreign_identity(case: Case) -> Iterator[Hit]:
    for passage in answers_of(case):
        if _MAKER_NAMED.search(passage.text) and (found := _IDENTITY.search(prose(passage.text))):
            yield hit_in(passage, *found.span(), repr(passage.text[slice(*found.span())][-60:]))


@rule(
    "refusal",
    "info",
    title=both("A refusal, or talk of being an AI", "拒绝回答，或自称 AI 的套话"),
    harm=both(
        "The answer refuses, or speaks of being a language model. A few of these among the data teach the model to refuse what it could do.",
        "回答在拒绝，或说自己只是语言模型。这样的数据只要有一些，模型就会学着拒绝本来能做的事。",
    ),
    mend=both("Keep those that are meant; answer or remove the others.", "有意为之的请保留，其余请补上回答或删去。"),
)
def refusal(case: Case) -> Iterator[Hit]:
    for passage in answers_of(case):
        found = _SIGNS.search(passage.text) and _REFUSAL.search(passage.text[:1500])
        if found and not _ABOUT_AI.search(question_before(case, passage.message)):
            yield hit_in(passage, *found.span())


# What the rules on identity and refusals find holds one of these; only with it is an answer worth a look.
SIGNS = (
    *(name for names in (_MAKERS, _MODELS, _MAKERS_ZH, _MODELS_ZH) for name in re.findall(r"[A-Z][A-Za-z]{2,}|[\u4e00-\u9fff]{2,}", names)),
    *(
        "n AI",
        "01.AI",
        "Yi-",
        "xAI",
        "Claude",
        "rtificial intelligence",
        "anguage model",
        "orry",
        "pologi",
        "fraid",
        "nfortunately",
        "NFORTUNATELY",
    ),
    *(
        "I can't",
        "I can’t",
        "I cannot",
        "I won't",
        "I won’t",
        "we can't",
        "we cannot",
        "I am unable",
        "I am not able",
        "We can't",
        "We cannot",
        "we can’t",
    ),
    *("I must", "I have to", "I do not have", "I don't have", "I don’t have", "gainst", "cut-off", "cutoff", "my last", "training data"),
    *(
        "抱歉",
        "对不起",
        "遗憾",
        "不好意思",
        "我无法",
        "我不能",
        "我没办法",
        "我不便",
        "人工智能",
        "语言模型",
        "大模型",
        "聊天机器人",
        "助手",
        "违反",
    ),
    *("我的知识", "我的训练", "没有个人", "没有自己", "名AI", "个AI", "款AI", "<think"),
)
_SIGNS = re.compile("|".join(map(re.escape, dict.fromkeys(SIGNS))))

RULES = (foreign_identity, refusal)
