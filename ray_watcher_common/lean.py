"""Imported first by the programs that run all the time: what they never use stays out of their memory.

structlog loads `rich`, for tracebacks that we do not print, wherever the command line's packages are installed: 4 MiB.
"""

from __future__ import annotations

import sys

if "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]  # as where it is not installed
    import structlog  # noqa: F401

    del sys.modules["rich"]
