"""Tables and paragraphs at every width: nothing is lost, and nothing is wider than it has to be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ray_watcher.output import layout

HEADERS = ("time", "worker", "cause", "reason")
ROW = ("08:47:12", "worker-4-d19b02", "cooldown", "4 requests are delayed by the cooldown, 48 s left")
WORD = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12)
SENTENCE = st.lists(WORD, max_size=30).map(" ".join)
ROWS = st.lists(st.tuples(WORD, WORD, WORD, SENTENCE), max_size=5)
WIDTH = st.one_of(st.none(), st.integers(1, 200))


def lines(width: int | None) -> list[str]:
    return layout.table(HEADERS, [ROW], width, str, str)


def test_with_room_a_row_is_a_line() -> None:
    assert lines(None) == lines(200)
    assert lines(200)[1] == "  ".join(ROW)


def test_prose_is_wrapped_in_its_column_while_that_is_wide_enough() -> None:
    assert [line[37:] for line in lines(70)] == ["REASON", "4 requests are delayed by the", "cooldown, 48 s left"]


def test_in_less_room_prose_goes_below_its_row() -> None:
    assert lines(50) == [
        "TIME      WORKER           CAUSE",
        "    REASON",
        "08:47:12  worker-4-d19b02  cooldown",
        "    4 requests are delayed by the cooldown, 48 s",
        "    left",
    ]


def test_in_still_less_room_columns_go_below_with_their_names() -> None:
    assert lines(30)[2:4] == ["08:47:12  worker-4-d19b02", "    cause cooldown"]


@given(ROWS, WIDTH)
def test_no_word_of_a_table_is_lost_or_broken(rows: list[tuple[str, ...]], width: int | None) -> None:
    found = layout.table(HEADERS, rows, width, str, str)

    assert {word for line in found for word in line.split()} >= {
        word for row in rows for c in row for word in c.split()
    }


@given(ROWS, st.integers(20, 200))
def test_no_line_is_wider_than_the_terminal_if_its_longest_word_is_not(rows: list[tuple[str, ...]], width: int) -> None:
    found = layout.table(HEADERS, rows, width, str, str)

    assert [line for line in found if cell_len(line) > width and len(line.split()) > 2] == []


@given(SENTENCE, WIDTH)
def test_a_paragraph_has_all_its_words_in_order(text: str, width: int | None) -> None:
    found = layout.paragraph(text, width, "  ")

    assert " ".join(" ".join(found).split()) == text
    assert all(line.startswith("  ") for line in found)
