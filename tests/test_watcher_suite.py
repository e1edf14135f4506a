"""The guide's comprehensive test runner: `python tests/test_watcher_suite.py` runs every category and sums up.

Its exit code is 0 where all passed. Under pytest nothing runs twice: only the runner's own promises are checked.
"""

from __future__ import annotations

import glob
import subprocess
import sys
import time

from support.guide_script import ROOT, continue_in_environment

CATEGORIES = {  # the guide's test categories
    "syntax": ["-m", "compileall", "-q", "exporter/", "ray_watcher/", "ray_watcher_common/", "scaler/", "scripts/"],
    "unit": ["-m", "pytest", "-q", "tests/unit", "tests/test_watcher_logic.py"],
    "configuration": ["-m", "pytest", "-q", "tests/unit", "-k", "settings or variable or default"],
    "command line": ["-m", "pytest", "-q", "tests/integration/ray_watcher"],
    "integration": ["-m", "pytest", "-q", "tests/test_watcher.py"],
}
BOUND_SECONDS = 600  # for one category


def run(category: str) -> tuple[bool, float]:
    """Whether the category passed, and the seconds it took; its output goes straight through."""
    arguments = [path for part in CATEGORIES[category] for path in _expanded(part)]
    started = time.monotonic()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, timeout=BOUND_SECONDS, check=False)
    return done.returncode == 0, time.monotonic() - started


def _expanded(part: str) -> list[str]:
    return sorted(glob.glob(part, root_dir=ROOT)) if "*" in part else [part]  # noqa: PTH207  # relative to the root


def main() -> int:
    """Run all; the exit code."""
    results = {}
    for category in CATEGORIES:
        print(f"\n=== {category}", flush=True)  # noqa: T201  # this is a program for people
        results[category] = run(category)
    print("\n=== summary")  # noqa: T201
    for category, (passed, seconds) in results.items():
        print(f"{category:<14} {'passed' if passed else 'FAILED'} {seconds:6.1f} s")  # noqa: T201
    return 0 if all(passed for passed, _ in results.values()) else 1


def test_every_category_names_files_that_exist() -> None:
    named = [path for parts in CATEGORIES.values() for part in parts if "/" in part for path in _expanded(part)]
    assert named
    assert all((ROOT / path).exists() for path in named)


if __name__ == "__main__":
    continue_in_environment()
    sys.exit(main())
