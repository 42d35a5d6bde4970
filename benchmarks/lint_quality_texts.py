"""The texts of lint_quality: clean conversations of many kinds, and faults in several wordings.

A name in ⟨…⟩ is filled in; ⟨n⟩ is the record's number, so that no two ask the same.
"""

from collections.abc import Callable
from typing import Any

Record = dict[str, Any]
Put = Callable[[Record, Record], None]

FILLINGS = {
    "city": ["Lisbon", "Oslo", "Kyoto", "Nairobi", "Quito", "Perth", "Tallinn", "Cusco", "Lagos", "Hanoi"],
    "thing": ["kettle", "bicycle", "lamp", "violin", "tent", "camera", "boat", "clock", "ladder", "drum"],
    "城市": ["苏州", "成都", "哈尔滨", "厦门", "兰州", "昆明", "大连", "桂林", "拉萨", "青岛"],
    "物品": ["水壶", "自行车", "台灯", "小提琴", "帐篷", "相机", "木船", "闹钟", "梯子", "鼓"],
}

CLEAN: list[tuple[str, ...]] = [
    ("Which city comes at stop ⟨n⟩?", "⟨city⟩"),
    ("Is ⟨city⟩ larger than town no. ⟨n⟩?", "Yes"),
    ("What is ⟨n⟩ plus one thousand?", "Add a thousand to ⟨n⟩ and write the sum with a comma, as in 1,⟨n⟩."),
    ("How do I clean a ⟨thing⟩ of model ⟨n⟩?", "Wipe the ⟨thing⟩ with a damp cloth. Let it dry in the air, and oil the moving parts."),
    ("List three uses of ⟨n⟩ old ⟨thing⟩s", "- as a decoration\n- as spare parts\n- as a present for a friend"),
    ("Give me steps to paint ⟨thing⟩ ⟨n⟩", "1. Sand the ⟨thing⟩\n2. Apply the primer\n3. Paint two coats"),
    ("A table of ⟨thing⟩ prices, row ⟨n⟩?", "| item | price |\n| --- | --- |\n| ⟨thing⟩ | ⟨n⟩ |"),
    ("Write a Python function that multiplies by ⟨n⟩.", "```python\ndef times(x):\n    return x * ⟨n⟩\n```"),
    ("How do I center a <div> with width ⟨n⟩ in HTML?", '<div style="margin: 0 auto; width: ⟨n⟩px">text</div>'),
    ("Translate into French: I have ⟨n⟩ lamps.", "J'ai ⟨n⟩ lampes."),
    ("Translate to Chinese: the ⟨thing⟩ no. ⟨n⟩ is broken", "⟨n⟩ 号⟨物品⟩坏了。"),
    ("A haiku about a ⟨thing⟩, the ⟨n⟩th", "The ⟨thing⟩ in the rain\nwaits beneath the cedar tree\nnobody comes home"),
    (
        "Reply to customer ⟨n⟩ about a late ⟨thing⟩.",
        "We are sorry for the delay. Write to support@example.com and we will refund the ⟨thing⟩.",
    ),
    ("Where is the manual for ⟨thing⟩ ⟨n⟩?", "https://docs.example.com/⟨thing⟩/⟨n⟩"),
    ("What's the mood today, day ⟨n⟩?", "Pretty good, thanks for asking! 😊"),
    ("Extract the fields of order ⟨n⟩ as JSON", '{"order": ⟨n⟩, "item": "⟨thing⟩", "city": "⟨city⟩"}'),
    ("Solve x + ⟨n⟩ = 0.", "Subtract ⟨n⟩ on both sides: $x = -⟨n⟩$."),
    ("Explain the log line ⟨n⟩: ERROR disk full", "The disk is full. Delete old logs under /var/log, then restart service ⟨n⟩."),
    ("Who made ChatGPT, and when did article ⟨n⟩ say so?", "ChatGPT was made by OpenAI. It came out in November 2022."),
    ("Write a dialogue of two friends about ⟨n⟩ ⟨thing⟩s.", "User: I bought a ⟨thing⟩.\nFriend: Show me!"),
    (
        "Draft an e-mail template for offer ⟨n⟩.",
        "Dear [Name],\n\nthank you for your interest in the ⟨thing⟩.\n\nBest regards,\n[Your Name]",
    ),
    (
        "Plan day ⟨n⟩ in ⟨city⟩.",
        "Morning: the harbour. Noon: fish at the market. Evening: a walk on the old wall.",
        "And if it rains?",
        "Then see the museum",
    ),
    ("What does git commit no. ⟨n⟩ --amend do?", "It replaces the last commit with a new one that has your staged changes as well."),
    ("Classify review ⟨n⟩: the ⟨thing⟩ broke at once", "negative"),
    ("第⟨n⟩站是哪里？", "⟨城市⟩"),
    ("第⟨n⟩题：⟨物品⟩用英文怎么说？", "⟨thing⟩"),
    ("型号⟨n⟩的⟨物品⟩怎么保养？", "先用软布擦干净⟨物品⟩，再放在通风处晾干。每隔半年上一次油。"),
    ("列出⟨n⟩件旧⟨物品⟩的用途", "- 当装饰\n- 拆零件\n- 送给朋友"),
    ("用 Python 计算 ⟨n⟩ 的平方", "```python\nprint(⟨n⟩ ** 2)\n```"),
    ("第⟨n⟩天想去⟨城市⟩，有什么建议？", "⟨城市⟩适合慢慢走。上午逛老街，下午去博物馆，晚上尝尝小吃。", "要带什么？", "带一件外套和一把伞"),
    ("把“我有⟨n⟩个⟨物品⟩”翻译成英文", "I have ⟨n⟩ pieces of ⟨thing⟩ in the house and all of them are old."),
    ("写一首关于⟨物品⟩的小诗，编号⟨n⟩", "⟨物品⟩静静立在窗前\n等一阵风\n也等一个人"),
    ("客户⟨n⟩问⟨物品⟩什么时候发货", "您好，⟨物品⟩将在三天内发货，如有疑问请拨打客服热线 400-123-4567。"),
    ("pandas 里怎么取第 ⟨n⟩ 行？", "用 `df.iloc[⟨n⟩]` 就可以取到，注意下标从 0 开始"),
    ("你是谁？访客⟨n⟩想知道", "我是 ChatGLM，由智谱 AI 训练的语言模型，很高兴为访客⟨n⟩服务。"),
    ("方程 x - ⟨n⟩ = 0 的解是？", "x = ⟨n⟩"),
    ("今天第⟨n⟩次打卡，鼓励我一下", "坚持就是胜利，加油💪"),
    ("什么是⟨物品⟩（词条⟨n⟩）", "⟨物品⟩是一种常见的日用品，常用于家庭和户外（例如露营）。"),
]


def _answer(text: str) -> Put:
    def put(record: Record, before: Record) -> None:  # noqa: ARG001
        record["messages"][-1]["content"] = text

    return put


def _talk(question: str, answer: str) -> Put:
    def put(record: Record, before: Record) -> None:  # noqa: ARG001
        record["messages"] = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]

    return put


def _appended(text: str) -> Put:
    def put(record: Record, before: Record) -> None:  # noqa: ARG001
        record["messages"][-1]["content"] += text

    return put


def _copied(record: Record, before: Record) -> None:
    record["messages"] = [dict(message) for message in before["messages"]]


def _misread(encoding: str) -> Put:
    def put(record: Record, before: Record) -> None:  # noqa: ARG001
        text = "The café’s menu – “naïve” à la carte" if encoding != "gbk" else "今天的天气很好，我们去公园散步吧，晚上再回来。"
        record["messages"][-1]["content"] = text.encode().decode(encoding, "replace")

    return put


def _set(key: str, value: Any, at: int = -1) -> Put:
    def put(record: Record, before: Record) -> None:  # noqa: ARG001
        record["messages"][at][key] = value

    return put


def _other_answer(record: Record, before: Record) -> None:
    record["messages"] = [before["messages"][0], {"role": "assistant", "content": "It is quite the other way round, I should say."}]


def _doubled_user(record: Record, before: Record) -> None:  # noqa: ARG001
    record["messages"].insert(0, dict(record["messages"][0]))


def _no_answer(record: Record, before: Record) -> None:  # noqa: ARG001
    record["messages"].pop()


def _swapped(question: str, answer: str) -> Put:
    return _talk(answer, question)


_TEXT = "Mountains form where plates meet. Over millions of years the rock is folded and lifted. Rivers then carve valleys into the"
_TEXT_ZH = "山脉形成于板块交界处。岩石在漫长的岁月里被挤压、抬升。随后河流在山间切割出深深的"
# Each kind: the rules any of which counts, and the wordings.
FAULTS: dict[str, tuple[tuple[str, ...], list[Put]]] = {
    "cut": (
        ("breaks-off",),
        [_answer(_TEXT), _answer(_TEXT_ZH), _answer(_TEXT[:101]), _answer("首先要准备好材料。然后把水烧开，并且在锅里加入适量的")],
    ),
    "identity": (
        ("foreign-identity",),
        [
            _answer("As an AI developed by OpenAI, I like maps."),
            _answer("我是通义千问，由阿里云开发的大模型。"),
            _answer("I'm Claude, an AI assistant made by Anthropic."),
            _answer("作为百度研发的文心一言，我可以回答。"),
        ],
    ),
    "refusal": (
        ("refusal",),
        [
            _answer("I'm sorry, but I can't assist with that request."),
            _answer("很抱歉，我无法回答这个问题。"),
            _answer("As a large language model, I have no opinion on that."),
            _answer("作为一个人工智能语言模型，我不能提供这类内容。"),
        ],
    ),
    "html": (
        ("html-left",),
        [
            _talk("Why is the sky blue?", "<p>The air scatters <b>blue</b> light.</p>"),
            _talk("茶叶怎样保存？", "放在阴凉处&nbsp;&nbsp;密封保存。"),
            _talk("Who wrote Faust?", 'Goethe wrote it.<br/>See <a href="/faust">here</a>.'),
            _talk("长城有多长？", "<div>长城全长两万多公里。</div>"),
        ],
    ),
    "encoding": (
        ("wrong-encoding", "replacement-character"),
        [_misread("latin-1"), _misread("gbk"), _misread("cp1252"), _answer("ç­”æ¡ˆæ˜¯è‹¹æžœ")],
    ),
    "language": (
        ("other-language",),
        [
            _talk("长江有多长，流经哪些省份？", "The Yangtze is about 6,300 km long and flows through eleven provinces."),
            _talk("What is the tallest animal in the world today?", "世界上最高的动物是长颈鹿，雄性可达六米。"),
            _talk(
                "How do you store the bread so that it is fresh?",
                "Das Brot bleibt frisch, wenn es in einem Tuch und nicht im Kühlschrank liegt.",
            ),
            _talk("番茄什么时候播种比较好？", "Les tomates se sèment au printemps, dans la maison, pour que les plants soient forts."),
        ],
    ),
    "placeholder": (
        ("placeholder",),
        [
            _answer("Call [Insert phone number] for it."),
            _answer("此处填写公司介绍。"),
            _answer("TODO: write the answer"),
            _answer("{{answer}} was given by {{name}}."),
        ],
    ),
    "role label": (
        ("role-label", "other-template", "special-token-text"),
        [
            _appended("\n\nHuman: And what then?"),
            _appended("\n用户：那然后呢？"),
            _appended("\n### Response:\nSo it goes."),
            _appended("\nAssistant: Indeed."),
        ],
    ),
    "template": (
        ("other-template", "special-token-text"),
        [_appended("</s>"), _appended("<|im_end|>"), _appended(" [/INST] Yes."), _appended("<end_of_turn>")],
    ),
    "secret": (
        ("secret",),
        [
            _appended(" Use the key sk-aB3dE5fG7hJ9kL1mN2pQ4rS6."),
            _appended(" 密码是 Qw3rty!92，请保密。"),
            _appended("\nAWS_ACCESS_KEY_ID=AKIAQ7ZL3MX5TRWB2KD9"),
            _appended("\ntoken: ghp_a8Kd02LmQpZ7xVn41TyUe95RbCwJh3SgF6oI"),
        ],
    ),
    "person": (
        ("personal-data",),
        [
            _appended(" Ask Wei at wei.zhang88@gmail.com."),
            _appended(" 联系电话：13912345678。"),
            _appended(" The card is 4539 1488 0343 6467."),
            _appended(" 身份证号：11010519491231002X。"),
        ],
    ),
    "other answer": (("same-question-other-answer",), [_other_answer, _other_answer]),
    "thought only": (
        ("thought-without-answer",),
        [_answer("<think>They want a fact. I should look it up.</think>"), _answer("<think>\n用户想知道答案。\n</think>\n\n")],
    ),
    "repetition": (
        ("repeats",),
        [
            _answer("I think so too. " * 12),
            _answer("这个问题很好。" * 9 + "谢谢"),
            _answer("It is red. " + "The ball rolls down the hill and stops. " * 6 + "That is all."),
            _answer("非常" * 40),
        ],
    ),
    "nothing": (("says-nothing", "empty-content", "blank-content"), [_answer("N/A"), _answer("无"), _answer("..."), _answer(" \n")]),
    "echo": (
        ("echo",),
        [
            _talk("Tell me how tea is made in Japan.", "Tell me how tea is made in Japan."),
            _talk("请介绍一下茶叶的历史。", "请介绍一下茶叶的历史。"),
        ],
    ),
    "swapped": (
        ("turns-swapped",),
        [
            _swapped("Can you tell me how glass is made?", "Sure! Glass is made by melting sand with soda and lime at a high heat."),
            _swapped("请问玻璃是怎么做的？", "当然可以！玻璃是把沙子、纯碱和石灰石放在一起高温熔化制成的。"),
        ],
    ),
    "duplicate": (("duplicate-record",), [_copied, _copied]),
    "null": (("null-content", "content-not-text"), [_set("content", None), _set("content", None, 0)]),
    "empty": (("empty-content",), [_set("content", ""), _set("content", "", 0)]),
    "role": (("unknown-role", "unreadable-record"), [_set("role", "narrator"), _set("role", "客服", 0)]),
    "two users": (("users-in-a-row",), [_doubled_user, _doubled_user]),
    "no answer": (("no-trained-token", "ends-with-user"), [_no_answer, _no_answer]),
    "zero width": (("zero-width-character",), [_appended("\u200b"), _appended(" ok\ufeff")]),
    "control": (("control-character",), [_appended("\x00"), _appended("\x1b[0m")]),
    "replacement": (("replacement-character",), [_appended(" caf\ufffd"), _appended("\ufffd\ufffd")]),
}
