"""The Copy link button: a link that shows the same thing to whoever opens it."""

from urllib.parse import urlencode

from glm4viz.conversation import Conversation
from glm4viz.forms import as_record
from glm4viz.ui.i18n import t
from glm4viz.ui.link import pack_conversation
from glm4viz.ui.url import settings
from glm4viz.ui.web import component

_button = component("copy_link", html="<button type='button'></button><input readonly hidden>\n<span role='status'></span>")


def copy_link(conversation: Conversation | None) -> None:
    """The button. Own text goes into the link only here, on purpose, and the label says so."""
    found, kind = settings(), "settings"
    if conversation is not None and found.get("source", "sample") != "sample":
        packed = pack_conversation(as_record(conversation))
        found = {name: value for name, value in found.items() if name not in ("source", "sample", "record", "edit")}
        if packed:
            found["conversation"], kind = packed, "conversation"
    texts = {"label": t(f"copy_link.{kind}"), "copied": t("copy_link.copied"), "manual": t("copy_link.manual")}
    _button(key="copy_link", data={"query": urlencode(found), **texts})
