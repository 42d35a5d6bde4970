"""Rules on what should not be in a dataset at all: keys that open something, and data that tells who somebody is."""

import re
from collections.abc import Iterator

from glm4viz.linter.case import Case, Passage, is_result
from glm4viz.linter.findings import Hit, hit_in, rule
from glm4viz.texts import Text, both

# Forms that their makers document, so that nothing else looks like them.
_SECRET = re.compile(
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
    r"|\bsk-(?:proj-|ant-(?:api\d\d-)?|or-v1-)?[A-Za-z0-9_-]{16,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"
    r"|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\bhf_[A-Za-z0-9]{20,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[\w-]{30,}"
    r"|\b[rs]k_(?:live|test)_\w{16,}|\bLTAI[A-Za-z0-9]{12,}|\bAKID[A-Za-z0-9]{13,}|\bSG\.[\w-]{16,}\.[\w-]{16,}"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{5,}"
    r"|\b[a-z+]{3,12}://[^\s:/@]{1,40}:[^\s:/@]{4,}@[\w.-]+"
)
_ASSIGNED = re.compile(
    r"(?i)(?:api[_ -]?key|secret(?:[_ -]?(?:access[_ -]?)?key)?|access[_ -]?(?:key|token)|auth[_ -]?token|bearer|client[_ -]?secret|token|密钥|令牌)"
    r"[\"'`]?(?:\s*[:=：]+\s*|\s+is\s+|\s*(?:是|为)\s*[:：]?|\s+)[\"'`]?(?P<value>[A-Za-z0-9_\-/+=.]{16,})"
)
_PASSWORD = re.compile(
    r"(?i)(?:passwords?|passwd|\bpwd|passcode|密码|口令)[\"'`]?(?:\s*[:=：]+\s*|\s+is\s+|\s*(?:是|为)\s*[:：]?)[\"'`“]?"
    r"(?P<value>[^\s\"'`“”，。,;；<>(){}\u4e00-\u9fff]{6,40})"
)
_DUMMY = re.compile(
    r"(?i)your|example|xxx|\*\*|placeholder|dummy|<|\.\.\.|changeme|insert|here\b|env|config|getpass|args|request|input|self\."
)

_MADE = re.compile(
    r"(?i)(?:generat|random|strong|secure|creat|check|valid|come up)\w*?[^.!?\n]{0,40}(?:password|passcode|key|token)|password generator|uuid|"
    r"(?:生成|随机|创建|设置|检查|强度|想一个)[^。！？\n]{0,24}(?:密码|口令|密钥|令牌)|密码[^。！？\n]{0,12}(?:生成|强度|规则)"
)
_ABOUT_FORMS = re.compile(r"(?i)regex|regular expression|\bvalidat|luhn|正则|校验")

_EMAIL = re.compile(r"(?<![\w.+/-])(?P<local>[\w.+-]{1,64})@(?P<domain>[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*\.[a-zA-Z]{2,12})\b")
_NOBODY = re.compile(
    r"(?i)(?:(?:your|my)[\w.-]*|user\w*|name|someone|username|e?mail|test\d*|foo|bar|git|info|support|help|service|kefu|contact|sales|admin|office|"
    r"no-?reply|hello|team|press|jobs|hr|customer[\w.-]*|webmaster|security|billing|feedback|abuse|privacy|media|careers|root|hi|postmaster)"
)
_EXAMPLE_DOMAIN = re.compile(
    r"(?i)(?:.*\.)?(?:example\.(?:com|org|net|cn)|example|test|invalid|localhost|domain\.com|email\.com|company\.com|yourcompany\.com)"
)
_PHONE = re.compile(
    r"(?<![\d.\-+/=_A-Za-z#])(?:"
    r"(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}"
    r"|0\d{2,3}-\d{7,8}"
    r"|(?:\+?1[ .-]?)?\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[ .-]\d{4}"
    r"|\+(?!86|1[ .-])\d{1,3}[ -]\(?\d{1,4}\)?(?:[ -]?\d{2,4}){2,4}"
    r")(?![\d\-_A-Za-z]|\.\d)"
)
_FICTION = re.compile(r"555\D?01\d\d$|(?:^|\D)8(?:00|88|77|66|55|44|33)\D")  # numbers set aside for stories, and free-call lines
_IDENTITY = re.compile(r"(?<![\dA-Za-z])[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])")
_CARD = re.compile(r"(?<![\d.\-])(?:[3-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})(?![\d\-]|\.\d)")
_CARD_WORD = re.compile(r"(?i)\bcards?\b|visa|credit|debit|\bpay|account|卡|账户|账号|支付")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@rule(
    "secret",
    "warning",
    title=both("A key or a password", "密钥或密码"),
    harm=both(
        "What opens an account stands in the text. A model that was trained on it can give it away to anyone.",
        "文本里有能打开账户的内容。训练过它的模型可能把它告诉任何人。",
    ),
    mend=both(
        "Remove it or write a made-up word in its place, and have the key withdrawn: the file has been seen.",
        "请删去或换成虚构的词，并注销这个密钥：文件已经被人看过。",
    ),
)
def secret(case: Case) -> Iterator[Hit]:
    for passage in case.passages:
        text = passage.text
        if not _SIGNS.search(text):
            continue
        if found := next((found for found in _SECRET.finditer(text) if not _DUMMY.search(found[0])), None):
            yield hit_in(passage, *found.span(), _hidden(found[0]))
        elif not is_result(case.messages[passage.message]) and (value := next(_given_away(text), None)) and not _makes_one(case, passage):
            yield hit_in(passage, *value.span("value"), _hidden(value["value"]), severity="info")


def _given_away(text: str) -> Iterator[re.Match[str]]:
    """Words for a key or a password with something behind them that looks made by a machine or kept by a person."""
    for pattern in (_ASSIGNED, _PASSWORD):
        for found in pattern.finditer(text):
            value = found["value"].rstrip(".=")
            digits = any(map(str.isdigit, value))
            if digits and any(map(str.isalpha, value)) and not _DUMMY.search(value) and not value.startswith(("/", "http")):
                yield found


def _makes_one(case: Case, passage: Passage) -> bool:
    """Whether a made-up one was asked for, or comes out of a tool that makes them."""
    return any(_MADE.search(text) for n, text in case.texts if n < passage.message) or bool(_MADE.search(passage.text))


def _hidden(value: str) -> str:
    """Enough of a secret to know it by, and no more: a report is passed on."""
    return value if value.startswith("-----") else f"{value[:4]}… ({len(value)})"


@rule(
    "personal-data",
    "info",
    title=both("Data of a person", "个人信息"),
    harm=both(
        "A number or an address by which a person can be found stands in the text. A model that was trained on it can repeat it to anyone.",
        "文本里有能找到某个人的号码或地址。训练过它的模型可能把它复述给任何人。",
    ),
    mend=both("Replace it with a made-up one, such as name@example.com.", "请换成虚构的，例如 name@example.com。"),
)
def personal_data(case: Case) -> Iterator[Hit]:
    if any(_ABOUT_FORMS.search(text) for _, text in case.texts[:2]):
        return
    for passage in case.passages:
        for kind, found in _personal(passage.text):
            yield hit_in(passage, *found.span(), kind)
            break


_KINDS: dict[str, Text] = {
    "card": both("a card number", "银行卡号"),
    "identity": both("an identity number", "身份证号"),
    "ssn": both("a social security number", "社会保障号"),
    "phone": both("a telephone number", "电话号码"),
    "email": both("an e-mail address", "电子邮箱"),
}
_MANY_DIGITS = re.compile(r"\d[\d() .-]{8}")


def _personal(text: str) -> Iterator[tuple[Text, re.Match[str]]]:
    if holds_many_digits(text):
        yield from ((_KINDS["identity"], found) for found in _IDENTITY.finditer(text) if _is_identity(found[0]) or "身份证" in text)
        yield from (
            (_KINDS["card"], found)
            for found in _CARD.finditer(text)
            if is_card(found[0]) and ((found[0].count(found[0][4]) > 1 and not found[0][4].isdigit()) or _CARD_WORD.search(text))
        )
        yield from ((_KINDS["ssn"], found) for found in _SSN.finditer(text))
        yield from ((_KINDS["phone"], found) for found in _PHONE.finditer(text) if not _FICTION.search(found[0]))
    if "@" in text:
        yield from ((_KINDS["email"], found) for found in _EMAIL.finditer(text) if not _is_nobodys(found))


def is_card(number: str) -> bool:
    """Whether the digits have the length and the check digit (Luhn) of a payment card's number."""
    digits = [int(char) for char in number if char.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits)))
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and sum(doubled) % 10 == 0


def _is_identity(number: str) -> bool:
    """Whether the last digit is the one that GB 11643 asks for."""
    total = sum(int(digit) * weight for digit, weight in zip(number, _IDENTITY_WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == number[-1].upper()


def _is_nobodys(found: re.Match[str]) -> bool:
    return bool(_NOBODY.fullmatch(found["local"]) or _EXAMPLE_DOMAIN.fullmatch(found["domain"]))


# What these rules find holds one of these; only with it is a text worth a look.
SIGNS = (
    *(
        "-----BEGIN",
        "sk-",
        "AKIA",
        "ASIA",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "xox",
        "AIza",
        "hf_",
        "npm_",
        "pypi-",
    ),
    *(
        "sk_",
        "rk_",
        "LTAI",
        "AKID",
        "SG.",
        "eyJ",
        "://",
        "key",
        "Key",
        "KEY",
        "ecret",
        "ECRET",
        "oken",
        "OKEN",
        "earer",
        "密钥",
        "令牌",
        "密码",
        "口令",
    ),
    *("assw", "ASSW", "asscode", "pwd", "PWD", "@"),
)
_SIGNS = re.compile("|".join(map(re.escape, SIGNS)))


def holds_many_digits(text: str) -> bool:
    """Whether anything in the text is long enough for a number of a card, a person or a telephone."""
    return _MANY_DIGITS.search(text) is not None


RULES = (secret, personal_data)
