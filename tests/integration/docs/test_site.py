"""The documents build as a site without a warning: every page is in the navigation, every link leads somewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

BOUND_SECONDS = 120.0


def test_the_site_builds_strictly_and_fetches_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}

    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=BOUND_SECONDS, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'src="docs/loop.svg"' in page
    assert 'href="docs/first-steps/#what-the-demo-shows"' in page
    assert "fonts.googleapis.com" not in page
