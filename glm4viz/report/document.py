"""The frame of every HTML file that is written: no script, no link, no picture; its policy allows one style sheet and nothing else."""

import base64
import hashlib
from html import escape

from glm4viz.texts import Text, both

SEVERITY_WORDS: dict[str, Text] = {
    "error": both("✗ error", "✗ 错误"),
    "warning": both("! warning", "! 警告"),
    "info": both("i hint", "i 提示"),
}
STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8886;overflow-wrap:anywhere}
th,td:first-child{white-space:nowrap}
summary{cursor:pointer;padding:.3rem 0}
code{font-family:ui-monospace,monospace}
.error{color:light-dark(#a11,#f88)}.warning{color:light-dark(#850,#fb6)}.info{color:light-dark(#047,#8cf)}
"""


def document(title: str, body: str, language: str, style: str = "") -> str:
    """The whole file. body: HTML in which text of the data is escaped; title: text; style: more rules behind STYLE."""
    sheet = STYLE + style
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        f'<!doctype html>\n<html lang="{"zh" if language == "zh" else "en"}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<meta name="referrer" content="no-referrer">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n<style>{sheet}</style>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def row(cell: str, *cells: str) -> str:
    """A table's row of HTML cells; `cell` is th or td."""
    return "<tr>" + "".join(f"<{cell}>{text}</{cell}>" for text in cells) + "</tr>"
