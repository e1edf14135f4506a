"""Tables and paragraphs for a given width. Pure.

The last column of a table is prose (a reason, a detail). Nothing is ever cut or left out: if a table is too wide, its
prose moves below each row; if that is not enough, further columns do, from the right, each with its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Paint = Callable[[str], str]  # the same text, in its colour

GAP = "  "
INDENT = "    "  # of lines that belong to the row above
SHORTEST_PROSE = 30  # columns; with fewer, prose moves below its row


def table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, paint: Paint, paint_header: Paint
) -> list[str]:
    """The lines of a table of at most `width` columns; None: no limit."""
    upper = [header.upper() for header in headers]
    widths = [max(cell_len(line[column]) for line in (upper, *rows)) for column in range(len(headers))]
    kept = _columns_that_fit(widths[:-1], width)
    indent = sum(widths[:kept]) + kept * len(GAP)
    if kept == len(headers) - 1 and (width is None or width - indent >= min(widths[-1], SHORTEST_PROSE)):
        head = _prose_beside(upper, widths, indent, width, paint_header)
        return [*head, *(line for row in rows for line in _prose_beside(row, widths, indent, width, paint))]
    lines = [_row(upper[:kept], widths, paint_header), *_below(upper[-1], width)]
    for row in rows:
        moved = [f"{name} {cell}" for name, cell in zip(headers, row, strict=True)][kept:-1]
        lines += [_row(row[:kept], widths, paint), *_below(GAP.join(moved), width), *_below(row[-1], width)]
    return lines


def _columns_that_fit(widths: Sequence[int], width: int | None) -> int:
    """How many columns from the left fit on one line; the first one always stays."""
    kept = len(widths)
    while width is not None and kept > 1 and sum(widths[:kept]) + (kept - 1) * len(GAP) > width:
        kept -= 1
    return kept


def _row(cells: Sequence[str], widths: Sequence[int], paint: Paint) -> str:
    padded = (f"{paint(cell)}{' ' * (width - cell_len(cell))}" for cell, width in zip(cells, widths, strict=False))
    return GAP.join(padded).rstrip()


def _prose_beside(
    row: Sequence[str], widths: Sequence[int], indent: int, width: int | None, paint: Paint
) -> Iterator[str]:
    first, *more = wrapped(row[-1], None if width is None else width - indent) or [""]
    yield _row([*row[:-1], first], [*widths[:-1], cell_len(first)], paint)
    yield from (f"{' ' * indent}{line}" for line in more)


def _below(text: str, width: int | None) -> list[str]:
    return [f"{INDENT}{line}" for line in wrapped(text, None if width is None else width - len(INDENT))]


def paragraph(text: str, width: int | None, indent: str = "") -> list[str]:
    """The lines of a sentence of at most `width` columns; those after the first are indented further."""
    first, *more = wrapped(text, None if width is None else width - len(indent) - len(GAP)) or [""]
    return [f"{indent}{first}", *(f"{indent}{GAP}{line}" for line in more)]


def wrapped(text: str, width: int | None) -> list[str]:
    """The lines of `text`, broken at blanks only: a name, an address or an option stays whole."""
    if width is None or cell_len(text) <= width:
        return [text] if text else []
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
