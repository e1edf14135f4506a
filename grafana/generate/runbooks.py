"""The dashboard "Runbooks": the pages of `docs/runbooks`, so that links lead to them wherever Grafana runs."""

from __future__ import annotations

import re

from grafana_foundation_sdk.builders import text
from grafana_foundation_sdk.models.text import TextMode

from grafana.generate.frame import as_json, frame
from grafana.generate.links import PAGES, RUNBOOKS, page_url

WIDTH, HEIGHT = 12, 12


def runbooks() -> str:
    """The dashboard's JSON: one panel for each page, named after its alert."""
    board = frame(RUNBOOKS, "Runbooks", "What each alert means, how to check, what to do.")
    for page in PAGES:
        _, _, words = page.read_text(encoding="utf-8").partition("\n")
        description = f"What {page.stem} means, how to check, what to do."
        panel = text.Panel().title(page.stem).description(description).mode(TextMode.MARKDOWN)
        board = board.with_panel(panel.content(_with_links(words)).span(WIDTH).height(HEIGHT))
    return as_json(board, events=False)


def _with_links(words: str) -> str:
    """Links between pages lead from panel to panel; others lead out of the repository's docs and stay words."""
    between = re.sub(r"\]\((\w+)\.md\)", lambda match: f"]({page_url(match[1])})", words)
    return re.sub(r"\[([^]]+)\]\(\.\./[^)]+\)", r"\1", between).strip()
