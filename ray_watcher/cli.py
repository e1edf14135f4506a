"""The command `ray-watcher`: its verbs, and the one place that turns errors into messages and exit codes."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import signal
from typing import TYPE_CHECKING, Any, NoReturn

import click

from exporter.settings import ExporterSettings
from ray_watcher.errors import MissingError, WatcherError
from ray_watcher.host import Host
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.environment import misspelled
from ray_watcher_common.program.settings import SettingsError, variables
from scaler.model.errors import ProviderUnavailableError, ScalerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

EXIT_CODES = """\b
Exit codes:  0 success           4 not running
             1 failure           5 program, image or engine missing
             2 wrong usage       6 port in use
             3 already running   7 timed out       130 interrupted"""
ENVIRONMENT = """\b
Environment and files:
  WATCHER_* and RAY_* variables set what options do not; the help of a verb names them.
  ~/.local/state/ray-watcher has the journal, logs and records of processes (WATCHER_STATE_DIR)."""
USAGE_EXIT_CODE = 2  # click's own for a wrong command line; also used for wrong settings
INTERRUPTED_EXIT_CODE = 130  # 128 + SIGINT, as shells report Ctrl-C; used for the other signals too


SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "Ray cluster": {
        "ray": ("start-ray", "status-ray", "stop-ray"),
        "logs": ("logs-ray",),
        "workers": ("add-worker", "remove-worker"),
        "image": ("build-image",),
    },
    "Watcher": {
        "watcher": ("start-watcher", "restart-watcher", "watcher-status", "stop-watcher"),
        "reload": ("reload",),
        "pause": ("pause", "resume"),
    },
    "Decisions": {
        verb.replace("-", "_"): (verb,)
        for verb in ("check-config", "copy-config", "plan", "explain", "history", "record", "replay")
    },
    "Monitoring": {"mixin": ("mixin",)},
    "Try it": {"demo": ("demo",), "load": ("load",)},
    "Shell": {"completion": ("completion",)},
}
"""The verbs by module of `ray_watcher.commands`, in the order in which they are needed; `start-ray` is `start_ray`."""
MODULES = {verb: module for modules in SECTIONS.values() for module, verbs in modules.items() for verb in verbs}


def all_verbs() -> dict[str, click.Command]:
    """Every verb by its name."""
    return {verb: _loaded(verb) for verb in MODULES}


def _loaded(verb: str) -> click.Command:
    """The verb. Only the one that runs is imported: all of them take half a second."""
    module = importlib.import_module(f"ray_watcher.commands.{MODULES[verb]}")
    command: click.Command = getattr(module, verb.replace("-", "_"))
    return command


class Verbs(click.Group):
    """A group that shows the project's errors as messages, never as tracebacks."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which an operator needs them."""
        del ctx
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb of that name; None if there is none."""
        del ctx
        if cmd_name in MODULES:
            return _loaded(cmd_name)
        self.commands.update(all_verbs())  # click looks among them for what was meant
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs by section."""
        del ctx
        all_of_them, widest, line = all_verbs(), max(map(len, MODULES)), formatter.width
        for title, modules in SECTIONS.items():
            with formatter.section(title):
                names = itertools.chain.from_iterable(modules.values())
                formatter.write_dl([(f"{name:{widest}}", all_of_them[name].get_short_help_str(line)) for name in names])

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the options before the verb; a mistake becomes one message."""
        with _errors_shown():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; an error becomes one message and its exit code."""
        with _errors_shown(), _ended_like_interrupted():
            return super().invoke(ctx)


@contextlib.contextmanager
def _errors_shown() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError) or error.ctx is None:
            raise
        click.echo(f"{error.ctx.get_usage()}\nTry '{error.ctx.command_path} --help' for help.\n", err=True)
        _fail(error.format_message(), error.exit_code)
    except WatcherError as error:
        _fail(str(error), error.exit_code)
    except SettingsError as error:
        _fail(str(error), USAGE_EXIT_CODE)
    except ProviderUnavailableError as error:
        _fail(str(error), MissingError.exit_code)
    except ScalerError as error:
        _fail(str(error), WatcherError.exit_code)
    except BrokenPipeError:
        raise  # the reader of our output has closed it; click exits silently
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        _fail(reason, WatcherError.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED_EXIT_CODE)


@contextlib.contextmanager
def _ended_like_interrupted() -> Iterator[None]:
    """Clean up on SIGTERM and SIGHUP (terminal closed) as on Ctrl-C; under nohup, SIGHUP stays ignored."""

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        for signum in (signal.SIGTERM, signal.SIGHUP):
            if before[signum] is not signal.SIG_IGN:
                signal.signal(signum, interrupt)
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _fail(message: str, exit_code: int) -> NoReturn:
    terminal.error(message)
    raise click.exceptions.Exit(exit_code)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=f"{EXIT_CODES}\n\n{ENVIRONMENT}",
)
@click.version_option(package_name="ray-watcher", prog_name="ray-watcher")
@click.pass_context
def cli(ctx: click.Context, /) -> None:
    """Scale a Ray cluster on this machine from its Prometheus alerts.

    \b
    Try it:    ray-watcher demo
    Use it:    ray-watcher start-ray --num-workers 2
               ray-watcher start-watcher --max-workers 8
               ray-watcher load --num-tasks 20
               ray-watcher watcher-status
    """  # noqa: D301  # the \b keeps the line breaks of a paragraph in click
    ctx.ensure_object(Host)
    for line in misspelled(os.environ, variables(OperatorSettings, ExporterSettings)):
        terminal.warn(line)


def main() -> None:
    """Run `ray-watcher` with the arguments of this process."""
    cli(prog_name="ray-watcher")
