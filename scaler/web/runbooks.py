"""`GET /runbooks/` and `GET /runbooks/NAME`: the pages that alerts link to."""

from __future__ import annotations

import re
from functools import cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import abort, render_template
from markupsafe import Markup

from ray_watcher_common.shipped import shipped_path

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

_LINK_OUT = re.compile(r"\[([^]]+)\]\(\.\./[^)]+\)")


def add_to(app: Flask, folder: Path | None = None) -> None:
    """Make `app` answer with the Markdown files of `folder`; None: those that are shipped."""
    pages = shipped() if folder is None else _pages(folder)
    app.add_url_rule("/runbooks/", "runbooks", partial(_index, pages))
    app.add_url_rule("/runbooks/<name>", "runbook", partial(_page, pages))


@cache
def shipped() -> dict[str, Path]:
    """The runbooks that are shipped, by the names of their alerts."""
    return _pages(shipped_path("docs/runbooks"))


def _pages(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.md"))}


def _index(pages: dict[str, Path]) -> str:
    return render_template("runbook.html", title="Runbooks", names=pages)


def _page(pages: dict[str, Path], name: str) -> str:
    """Pages link to each other as files, so `NAME.md` is the same page as `NAME`."""
    path = pages.get(name.removesuffix(".md"))
    if path is None:
        abort(HTTPStatus.NOT_FOUND, description=f"there is no such runbook; /runbooks/ lists all {len(pages)}")
    return render_template("runbook.html", title=path.stem, text=_as_html(path.read_text(encoding="utf-8")))


def _as_html(text: str) -> Markup:
    """Links to other documents become words: a scaler has the runbooks only."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False})
    return Markup(markdown.render(_LINK_OUT.sub(r"\1", text)))  # noqa: S704  # our own files, and HTML in them is text
