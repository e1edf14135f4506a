"""A whole dashboard as one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from grafana.panel_data import with_rows
from grafana.preview.charts import Answered, Box, draw
from grafana.preview.theme import EDGE, MUTED, PAGE, PANEL, TEXT

if TYPE_CHECKING:
    from pathlib import Path

    from grafana.panel_data import Moment, Prometheus

WIDTH, COLUMNS = 15.0, 24
UNIT, GAP, HEADER = 0.34, 0.07, 0.55
DPI = 100


def picture(content: dict[str, Any], prometheus: Prometheus, moment: Moment, path: Path) -> None:
    """Draw the dashboard with what Prometheus answers, as PNG."""
    shown = list(with_rows(content))  # collapsed rows are drawn open
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in shown)
    height = HEADER + lines * UNIT + GAP
    figure = Figure(figsize=(WIDTH, height), facecolor=PAGE, dpi=DPI)
    head = f"{content['title']}   ·   cluster {moment.cluster}"
    figure.text(0.012, 1 - 0.3 / height, head, color=TEXT, fontsize=15, weight="bold", va="center")
    caption = "preview, drawn by grafana/preview from a real run"
    figure.text(0.988, 1 - 0.3 / height, caption, color=MUTED, fontsize=9, va="center", ha="right")
    events = _events(content, prometheus, moment)
    for panel in shown:
        box = _box(figure, height, panel["gridPos"])
        if panel["type"] == "row":
            _write(box, panel["title"], size=12)
            continue
        _frame(box)
        _write(box, panel["title"])
        answers = prometheus.answers(panel, moment)
        draw(box, Answered(panel, answers, moment.every(panel.get("interval")), events))
    figure.savefig(path, dpi=DPI, pil_kwargs={"optimize": True})


def _box(figure: Figure, height: float, place: dict[str, int]) -> Box:
    column = (WIDTH - GAP) / COLUMNS
    top = height - HEADER - place["y"] * UNIT
    return Box(
        figure,
        left=GAP + place["x"] * column,
        bottom=top - place["h"] * UNIT + GAP,
        width=place["w"] * column - GAP,
        height=place["h"] * UNIT - GAP,
    )


def _frame(box: Box) -> None:
    across, up = box.figure.get_size_inches()
    corner, size = (box.left / across, box.bottom / up), (box.width / across, box.height / up)
    box.figure.add_artist(
        FancyBboxPatch(
            corner,
            *size,
            boxstyle="square,pad=0",
            transform=box.figure.transFigure,
            fc=PANEL,
            ec=EDGE,
            lw=0.8,
            zorder=-1,
        )
    )


def _write(box: Box, title: str, size: float = 9.5) -> None:
    across, up = box.figure.get_size_inches()
    place = (box.left + 0.1) / across, (box.bottom + box.height - 0.17) / up
    box.figure.text(*place, title, color=TEXT, fontsize=size, va="center")


def _events(content: dict[str, Any], prometheus: Prometheus, moment: Moment) -> list[tuple[float, str]]:
    """When annotations are, with their colour."""
    found: list[tuple[float, str]] = []
    for annotation in content["annotations"]["list"]:
        for series in prometheus.answer(annotation, moment.every(annotation["step"])):
            found += [(when, annotation["iconColor"]) for when, _ in series.points]
    return found
