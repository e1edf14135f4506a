"""`make bench`: run all benchmarks, one after the other, and write the record, the page, the plots and README's table.

`python -m benchmarks [--smoke] [NAME ...]`; with names only those, the others keep their figures of before. With
`--smoke` sizes are tiny and nothing is written.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks import plots
from benchmarks.machine import describe
from benchmarks.pages import CHARTS, page, readme_with
from benchmarks.report import Record, Report, record_from_json, report_from_json, to_json

BENCHMARKS = (
    "demand_to_work",
    "exporter_tasks",
    "exporter_nodes",
    "planner",
    "webhook",
    "day",
    "idle",
)  # each a module here, in the page's order; a new one is one more line

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "benchmarks" / "results" / "latest.json"
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
BOUND_SECONDS = 900.0  # for any one of them


def measured(name: str, *, smoke: bool) -> Report:
    """The report of one benchmark, from a process of its own, which may print its progress to standard error."""
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{name}", "--json", *(["--smoke"] if smoke else [])]
    done = subprocess.run(  # noqa: S603  our own module
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=BOUND_SECONDS, check=True
    )
    return report_from_json(json.loads(done.stdout.splitlines()[-1]))


def recorded() -> Record:
    """The last run; an empty one if there is none."""
    return record_from_json(json.loads(RECORD.read_text(encoding="utf-8"))) if RECORD.exists() else Record({})


def files(record: Record) -> dict[Path, str]:
    """Every text that is written from a record, with what it should hold."""
    return {PAGE: page(record), README: readme_with(README.read_text(encoding="utf-8"), record)}


def write(record: Record) -> None:
    """The record, what is written from it, and the plots."""
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps(to_json(record), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for path, text in files(record).items():
        path.write_text(text, encoding="utf-8")
    for report in record.reports:
        for chart in report.charts:
            plots.draw(chart, PAGE.parent / CHARTS / f"{chart.name}.svg")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, nothing is written")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(BENCHMARKS):
        parser.error(f"got {', '.join(sorted(unknown))}, wanted of {', '.join(BENCHMARKS)}")
    machine = describe()
    reports = []
    for name in chosen.names or BENCHMARKS:
        sys.stderr.write(f"benchmarks.{name} ...\n")
        reports.append(measured(name, smoke=chosen.smoke))
    if not chosen.smoke:
        write(recorded().with_reports(machine, tuple(reports)))
        sys.stderr.write(f"written: {RECORD.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}, README.md\n")


if __name__ == "__main__":
    main()
