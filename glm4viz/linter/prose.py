"""What a text says in words, without the code, the maths and the addresses in it; and in which script and language that is."""

import re

_CODE = re.compile(
    r"(?ms)^[ \t>]*(```|~~~).*?(?:^[ \t>]*\1|\Z)"  # a fenced block, closed or not
    r"|```.*?```"
    r"|`[^`\n]+`"
    r"|\$\$.*?\$\$|\\\[.*?\\\]"
    r"|https?://[^\s\u4e00-\u9fff，。）]+"
)


def prose(text: str) -> str:
    """The text with code blocks, code in a line, displayed maths and addresses blanked out; every other character stays in its place."""
    if "`" not in text and "http" not in text and "~~~" not in text and "$$" not in text and "\\[" not in text:
        return text
    return _CODE.sub(lambda found: " " * len(found[0]), text)


# Languages ------------------------------------------------------------------------------------------------------------

# Words that stand in almost every sentence of a language and in hardly any of another.
_COMMON = {
    "en": "the and is of to that for it with are was this you on as be have from by not your can will what how which has their an",
    "fr": "le les des et est une dans pour que qui sur avec pas vous il au du ce cette sont par plus nous être aux ou ses leur",
    "de": "der die das und ist nicht ein eine zu mit den von auf für sich dem auch wird sind im oder sie wie als werden kann bei durch",
    "es": "el los las es una que por con para del se lo como su más está son al pero sus muy este esta sin sobre también",
    "it": "il che di per una un della sono con non gli più le del dei nella come anche questo questa alla si dal delle",
    "pt": "os as uma um que para com não do da dos das em no na se mais por como são ao também você seu sua",
    "nl": "de het een en van is dat niet op te voor met zijn aan ook er worden kan naar bij door om deze maar wordt",
    "pl": "na nie się jest do że to jak są oraz dla od po przez ale może tym które lub",
    "tr": "ve bir bu için ile da de olarak olan çok en gibi daha ne var değil veya kadar sonra",
    "vi": "và là của có cho không được một các trong với những này để khi người đã từ bạn",
    "id": "dan yang di untuk dengan adalah ini dari itu pada dalam tidak akan atau juga dapat saya anda oleh",
    "sv": "och att det som en på är av för med inte den till ett har om vi kan från eller",
}
_LANGUAGES: dict[str, tuple[str, ...]] = {}
for _language, _words in _COMMON.items():
    for _word in _words.split():
        _LANGUAGES[_word] = (*_LANGUAGES.get(_word, ()), _language)
_WORDS = {language: set(words.split()) for language, words in _COMMON.items()}
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
)
_HAN = re.compile("[\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏḀ-ỿ]+")
_SEEN = 600  # characters of a text that are looked at


def language_of(text: str) -> str:
    """The language of a text by its script and, for Latin letters, by its commonest words; "" if that isn't plain."""
    text = text[:_SEEN]
    latin = _LATIN.findall(text)
    weights = {"latin": len(latin)}  # a word of Latin letters says about as much as a Chinese character and a half
    if not text.isascii():
        weights |= {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS}
        han = len(_HAN.findall(text))
        if weights["ja"] * 6 > han:
            weights["ja"] += han
            han = 0
        weights["zh"] = han
    found, weight = max(weights.items(), key=lambda entry: entry[1] / (1.0 if entry[0] == "latin" else 1.5))
    if weight < 4 or weight < 0.7 * sum(weights.values()):
        return ""
    return _latin_language(latin) if found == "latin" else found


def _latin_language(words: list[str]) -> str:
    votes: dict[str, float] = {}
    different = {word.lower() for word in words}
    for word in words:
        named = _LANGUAGES.get(word.lower(), ())
        for language in named:
            votes[language] = votes.get(language, 0) + 1 / len(named)
    if not votes:
        return ""
    ranked = sorted(votes.items(), key=lambda entry: -entry[1])
    (best, most), second = ranked[0], ranked[1][1] if len(ranked) > 1 else 0.0
    return best if len(different & _WORDS[best]) >= 2 and most >= max(2, 0.12 * len(words)) and most >= 2 * second else ""
