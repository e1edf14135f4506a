"""Links in documents lead to files that exist, and to headings that they have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md")])
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as the forge and the site make them."""
    found: list[str] = []
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        words = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        found.append(slug if slug not in found else f"{slug}-{found.count(slug)}")
    return set(found)


def links(document: Path) -> list[str]:
    """The targets of a document's links within the repository."""
    return _LINK.findall(_FENCE.sub("", document.read_text(encoding="utf-8")))


def broken(document: Path) -> list[str]:
    """The targets that lead nowhere."""
    return [target for target in links(document) if not _leads_somewhere(document, target)]


def _leads_somewhere(document: Path, target: str) -> bool:
    file, _, anchor = target.partition("#")
    path = (document.parent / file) if file else document
    return path.is_file() and (not anchor or anchor in anchors(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(document: Path) -> None:
    assert broken(document) == []


@pytest.mark.parametrize(
    "target", ["missing.md", "other.md#missing", "#missing", "folder", "other.md#in-a-fence"], ids=str
)
def test_a_link_that_leads_nowhere_is_found(target: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "other.md").write_text("# Other: a `file`\n\n```\n# in a fence\n```\n", encoding="utf-8")
    document = tmp_path / "document.md"
    document.write_text(f"# Title\n[yes](other.md#other-a-file) [yes](#title) [no]({target})", encoding="utf-8")

    assert broken(document) == [target]


def test_documents_have_links_with_and_without_headings() -> None:
    found = [target for document in DOCUMENTS for target in links(document)]

    assert [target for target in found if "#" in target]
    assert [target for target in found if "#" not in target]
