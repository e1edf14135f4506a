"""The command line that every benchmark has: `python -m benchmarks.NAME [--json] [--smoke]`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from typing import TYPE_CHECKING

from benchmarks.machine import describe
from benchmarks.pages import page
from benchmarks.report import Record, to_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.report import Report


def run(measure: Callable[..., Report], description: str | None, **options: float) -> None:
    """Measure and print; `measure` gets whether tiny sizes are wanted, and `options`: name and default."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: only show that it runs")
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=float, default=default, help="(default: %(default)g)")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _signum, _frame: sys.exit("stopped"))  # what was started is stopped then
    machine = describe()
    report = measure(chosen.smoke, **{name: getattr(chosen, name) for name in options})
    text = json.dumps(to_json(report)) if chosen.json else page(Record(machine, (report,)))
    sys.stdout.write(text.rstrip("\n") + "\n")
