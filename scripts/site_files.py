"""A hook of mkdocs: the site has the repository's paths, so that links of README and docs lead to the same files."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig

_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The theme's files, the documents at the root and in docs/, and every file that a document links to."""
    root = Path(config.config_file_path).parent
    theme = [file for file in files if file.src_dir != config.docs_dir]
    ours = [
        File(str(path.relative_to(root)), str(root), config.site_dir, config.use_directory_urls)
        for path in sorted({*_documents(root), *_linked(root)})
    ]
    return Files([*theme, *ours])


def _documents(root: Path) -> Iterator[Path]:
    return chain(root.glob("*.md"), root.glob("docs/**/*.md"))


def _linked(root: Path) -> Iterator[Path]:
    """Pictures and sources; a link to a folder leads nowhere in a site, and mkdocs reports it."""
    for document in _documents(root):
        targets = _LINK.findall(document.read_text(encoding="utf-8"))
        paths = ((document.parent / target).resolve() for target in targets)
        yield from (path for path in paths if path.is_file() and path.suffix != ".md")
