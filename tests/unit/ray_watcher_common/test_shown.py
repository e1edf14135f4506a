"""Text that is not ours is shown: nothing in it acts on a terminal, a page or a log."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_watcher_common.shown import shown, shown_in_colour, without_colour

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("12 x CPU:1, été, 東京", "12 x CPU:1, été, 東京", id="plain-text-stays"),
        pytest.param("\x1b]0;t\x07\x1b[2J", r"\x1b]0;t\x07\x1b[2J", id="escape-sequences"),
        pytest.param("\x9b2J\x7f\x00\b", r"\x9b2J\x7f\x00\x08", id="control-characters"),
        pytest.param("a\r\nb\nc\rd\x0be\x85f\u2028g\th", "a b c d e f g h", id="line-ends-and-tabs"),
        pytest.param("\u202eabc\u2066\u200f\u061c", r"\u202eabc\u2066\u200f\u061c", id="direction-marks"),
        pytest.param("a\u200bb\ufeff\xad\U000e0041", r"a\u200bb\ufeff\xad\U000e0041", id="invisible-characters"),
        pytest.param("\ud800", r"\ud800", id="half-a-character"),
        pytest.param("क्\u200dष 👩\u200d🚀", "क्\u200dष 👩\u200d🚀", id="joiners-belong-to-words-and-emoji"),
    ],
)
def test_a_text_is_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("line", "on_a_terminal", "in_a_pipe"),
    [
        pytest.param("\x1b[31mred\x1b[39m", "\x1b[31mred\x1b[39m\x1b[0m", "red", id="colours-end-with-the-line"),
        pytest.param("\x1b[1;38;5;9mx", "\x1b[1;38;5;9mx\x1b[0m", "x", id="a-colour-left-on"),
        pytest.param("\x1b[2Jx\x1b[>4m", r"\x1b[2Jx\x1b[>4m", r"\x1b[2Jx\x1b[>4m", id="all-else-is-shown"),
        pytest.param("a\tb", "a       b", "a       b", id="tabs-stay-columns"),
    ],
)
def test_a_line_of_a_log_keeps_its_colours_on_a_terminal(line: str, on_a_terminal: str, in_a_pipe: str) -> None:
    assert (shown_in_colour(line), without_colour(line)) == (on_a_terminal, in_a_pipe)


@given(ANY_TEXT)
def test_nothing_acts_and_all_can_be_encoded(text: str) -> None:
    result = shown(text)

    assert {unicodedata.category(c) for c in result if c not in "\u200c\u200d"}.isdisjoint(
        {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )
    assert result.encode() == shown(result).encode()
