"""One structured log: coloured lines on a terminal, JSON lines in a pipe or file."""

from __future__ import annotations

import logging
import sys

import structlog

from ray_watcher_common.shown import shown


def configure(program: str) -> None:
    """Send this program's log, and those of its libraries from WARNING on, to standard error."""
    shared: list[structlog.typing.Processor] = [
        lambda _logger, _method, event: {**event, "program": program},
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    on_terminal: list[structlog.typing.Processor] = [_without_controls, structlog.dev.ConsoleRenderer()]
    renderers = on_terminal if sys.stderr.isatty() else [structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def _without_controls(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Values come from alerts, containers and Ray; JSON escapes what a terminal would act on, the console does not."""
    return {key: _visible(key, value) if isinstance(value, str) else value for key, value in event.items()}


def _visible(key: str, value: str) -> str:
    """A traceback alone has several lines; anything else with a line end would look like an event of its own."""
    return "\n".join(map(shown, value.split("\n"))) if key == "exception" else shown(value)
