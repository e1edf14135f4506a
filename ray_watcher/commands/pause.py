"""pause, resume: pause scaling in a direction, and resume it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from ray_watcher.commands import asking
from ray_watcher.commands.history import Span
from ray_watcher.commands.options import chosen, json_option, url_option
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.settings import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray_watcher.host import Host

PAUSE_VERSION = 1  # of the document
WAYS = ("up", "down", "both")
CLOCK = "%H:%M"
MOMENTS = (CLOCK, "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")


class Moment(click.DateTime):
    """A local time, with or without its day."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The time as `datetime`; in the year 1900 if no day is given."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            return self.fail(f"got {value!r}, wanted a time such as 18:30 or 2026-01-02T18:30", param, ctx)


direction = click.argument("direction", type=click.Choice(WAYS), default="both")


@click.command()
@direction
@click.option("--reason", required=True, metavar="TEXT", help="Reason, shown in status output.")
@click.option("--for", "span", type=Span(), metavar="SPAN", help="Duration, for example 30m, 2h, 1d.")
@click.option(
    "--until", type=Moment(MOMENTS), metavar="TIME", help="End in local time, for example 18:30 or 2026-01-02T18:30."
)
@url_option
@json_option
@click.pass_obj
def pause(  # one for each option
    host: Host,
    /,
    direction: str,
    reason: str,
    span: float | None,
    until: datetime | None,
    *,
    as_json: bool,
    **given: Any,
) -> None:
    """Pause scaling up, down, or both.

    DIRECTION is up, down or both. The watcher keeps planning and shows what it would do. Without --for or --until
    the pause lasts until `resume`. It survives a restart of the watcher.

    \b
    Example:  ray-watcher pause down --reason "benchmark" --for 2h
    """  # noqa: D301  # \b is click's
    if span is not None and until is not None:
        raise click.UsageError("--for and --until cannot be used together")
    asked: dict[str, Any] = {"direction": direction, "reason": reason, "by": asking.who()}
    if until is not None:
        span = seconds_until(until, datetime.now().astimezone())
    settings = load(OperatorSettings, **chosen(given))
    answer = asking.post(host, settings, "pause", asked | ({} if span is None else {"seconds": span}))
    _show(answer, as_json=as_json)


@click.command()
@direction
@url_option
@json_option
@click.pass_obj
def resume(host: Host, /, direction: str, *, as_json: bool, **given: Any) -> None:
    """Resume scaling up, down, or both.

    DIRECTION is up, down or both.

    \b
    Example:  ray-watcher resume
    """  # noqa: D301  # \b is click's
    answer = asking.post(host, load(OperatorSettings, **chosen(given)), "resume", {"direction": direction})
    if not as_json:
        ended = " and ".join(answer["resumed"])
        terminal.line(f"resumed: scaling {ended}" if ended else "not paused")
    _show(answer, as_json=as_json)


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print the scaler's answer: which directions were resumed, and which are paused now."""
    if as_json:
        terminal.document({"version": PAUSE_VERSION, **answer})
    else:
        for line in lines(answer["paused"], time.time()):
            terminal.sentence(line)


def lines(paused: Mapping[str, Mapping[str, Any] | None], now: float) -> list[str]:
    """One line for each direction that is paused at `now`."""
    return [_sentence(way, pause, now) for way, pause in paused.items() if pause]


def _sentence(way: str, pause: Mapping[str, Any], now: float) -> str:
    left = "until resumed" if pause["until"] is None else f"for another {terminal.duration(pause['until'] - now)}"
    return f"scaling {way} is paused {left}, by {pause['by']}: {pause['reason']}"


def seconds_until(moment: datetime, now: datetime, option: str = "--until") -> float:
    """Seconds from `now` to a local time; a time without a day is its next occurrence."""
    if moment.year == datetime.strptime("0:00", CLOCK).year:  # noqa: DTZ007  # click reads it so: no date was given
        moment = now.replace(hour=moment.hour, minute=moment.minute, second=0, microsecond=0)
        moment += timedelta(days=0 if moment > now else 1)
    seconds = (moment.astimezone() - now).total_seconds()
    if seconds <= 0:
        raise click.BadParameter(f"got {moment:%Y-%m-%d %H:%M}, which is in the past", param_hint=option)
    return seconds
