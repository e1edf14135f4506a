"""One structured log: coloured lines on a terminal, JSON lines in a pipe or file."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(program: str) -> None:
    """Send this program's log, and those of its libraries from WARNING on, to standard error."""
    shared: list[structlog.typing.Processor] = [
        lambda _logger, _method, event: {**event, "program": program},
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
