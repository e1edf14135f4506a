"""Text that is not ours, made safe to show on a terminal, a page, in a log or as a metric's label. Pure.

Alerts, labels, containers, Ray and the output of tasks may hold characters that a terminal or a browser acts on:
escape sequences (colours, titles, links, cursor moves), other control characters, marks that reverse the direction of
text, invisible characters. Such a character is shown as its code point, so that it can be seen and does nothing.
"""

from __future__ import annotations

import re
import unicodedata

BLANK = re.compile(r"\r\n|[\t-\r\x85\u2028\u2029]")  # tab and everything that starts a new line
COLOUR = re.compile(r"\x1b\[[0-9;:]*m")  # "select graphic rendition", ECMA-48 8.3.117: the one harmless sequence
COLOUR_OFF = "\x1b[0m"
ACTS = frozenset({"Cc", "Cf", "Cs"})  # Unicode categories: control, format (bidi marks, tags), lone surrogates
JOINERS = frozenset({"\u200c", "\u200d"})  # of category Cf, but part of Persian words and of emoji
UNSEEN = re.compile(r"[^ -~]")  # plain ASCII needs no look at each character


def shown(text: str) -> str:
    r"""`text` on one line: tabs and line ends as blanks, other characters that act as `\x1b`, `\x9b`, `\u202e`."""
    return UNSEEN.sub(_visible, BLANK.sub(" ", text))


def shown_in_colour(text: str) -> str:
    """The same for a line of a log on a terminal: colours stay, and end with the line; tabs stay aligned."""
    parts = COLOUR.split(text.expandtabs())
    if len(parts) == 1:
        return shown(parts[0])
    colours = [*COLOUR.findall(text), COLOUR_OFF]
    return "".join(f"{shown(part)}{colour}" for part, colour in zip(parts, colours, strict=True))


def without_colour(text: str) -> str:
    """The same for a pipe or a file, in which colours would disturb `grep`."""
    return shown(COLOUR.sub("", text.expandtabs()))


def _visible(found: re.Match[str]) -> str:
    character = found[0]
    if unicodedata.category(character) not in ACTS or character in JOINERS:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
