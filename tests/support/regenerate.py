"""`make golden`: write the golden files, the generated code and the reference pages anew."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import __main__ as benchmarks
from support import (
    check_config_golden,
    compose_golden,
    explained_golden,
    exporter_golden,
    generated_code,
    reference_docs,
    terminal_golden,
)

if TYPE_CHECKING:
    from pathlib import Path


def files() -> dict[Path, str]:
    """Every file that is written from code, with what it should hold."""
    return {
        **generated_code.files(),
        **exporter_golden.golden_files(),
        **check_config_golden.files(),
        **compose_golden.files(),
        **explained_golden.files(),
        **reference_docs.files(),
        **terminal_golden.files(),
        **_dashboards(),
        **benchmarks.files(benchmarks.recorded()),
    }


def _dashboards() -> dict[Path, str]:
    """The SDK that makes them wants Python 3.11; with an older one they are taken as they are."""
    if sys.version_info < (3, 11):
        return {}
    from grafana.generate import files as dashboards

    return dashboards.files()


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
