"""The colours of figures and of what runs in the browser: amber carries loss, and one colour a role.

Chosen after Okabe and Ito, darker or lighter where the theme needs it for contrast, so that colour-blind readers can tell them apart; trained and
masked also differ in lightness.
"""

from dataclasses import dataclass
from typing import Literal

Theme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Palette:
    """#rrggbb each; `ground` is the page behind."""

    ground: str
    ink: str
    trained: str
    tint: str
    """Behind trained text."""
    unlike: str
    """Behind text that recipes treat differently."""
    value: str
    """Mixed into the ground: the stronger, the larger a token's loss."""
    focus: str
    problem: str
    roles: dict[str, str]
    """ "" is outside of messages."""
    other: str
    """Any other role."""

    def masked(self, role: str) -> str:
        """The role's colour, pale: mixed into the ground."""
        colours = zip(bytes.fromhex(self.roles[role][1:]), bytes.fromhex(self.ground[1:]), strict=True)
        return "#" + bytes(round(0.38 * c + 0.62 * g) for c, g in colours).hex()


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        ground="#ffffff",
        ink="#31333f",
        trained="#c77700",
        tint="#fdeecb",
        unlike="#fdf3dc",
        value="#d55e00",
        focus="#0072b2",
        problem="#c0392b",
        roles={"": "#6c6c76", "system": "#9c4a7e", "user": "#0067a3", "assistant": "#00735a", "observation": "#b14a00", "tool": "#b14a00"},
        other="#6b5b00",
    ),
    "dark": Palette(
        ground="#0e1117",
        ink="#fafafa",
        trained="#f0b429",
        tint="#40341a",
        unlike="#2e2818",
        value="#d55e00",
        focus="#56b4e9",
        problem="#ff8a7a",
        roles={"": "#9a9aa4", "system": "#e09cc4", "user": "#6cb8ea", "assistant": "#3fc79f", "observation": "#f2935c", "tool": "#f2935c"},
        other="#e2d35a",
    ),
}
