"""`make screenshots`: docs/page-*.png, the scaler's page over a real cluster of processes (some five minutes)."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from support.browser import chromium, open_page
from support.operating import PROGRAM, Operator
from support.own import own_environment, own_name
from support.paths import ROOT

LOCALE = "en-GB"
LAPTOP = {"width": 1280, "height": 860}
VIEWS: dict[str, dict[str, Any]] = {
    "laptop": {"viewport": LAPTOP},
    "dark": {"viewport": LAPTOP, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}
POLICY = """version: 1
limits: {max_workers: 5}
worker_types:
  - {name: small, num_cpus: 1, max_workers: 3, priority: 1}
  - {name: large, num_cpus: 2, max_workers: 2}
  - {name: gpu, num_cpus: 1, num_gpus: 1, max_workers: 1}
"""
WAVES = (  # of each load: tasks, CPUs and GPUs of one, seconds of one
    ((3, 1, 0, 12),),
    ((6, 1, 0, 14), (2, 2, 0, 20)),
    ((2, 1, 1, 15), (2, 0.5, 0, 20)),
    ((4, 2, 0, 20), (3, 1, 0, 10)),
    ((9, 1, 0, 40), (2, 2, 0, 40), (1, 1, 1, 40), (2, 64, 0, 1)),
)
WAVE_SECONDS, LAST_WAVE_SECONDS = 50.0, 16.0


def main() -> None:
    """Run a cluster with work that comes in waves, and take the pictures in the last one."""
    with tempfile.TemporaryDirectory() as directory:
        policy = Path(directory) / "policy.yaml"
        policy.write_text(POLICY, encoding="utf-8")
        operator = Operator(
            own_environment(
                own_name("analytics"),
                Path(directory),
                WATCHER_OBJECT_STORE_MEMORY="100MB",
                WATCHER_CHECK_INTERVAL="2",
                WATCHER_COOLDOWN="10",
                WATCHER_IDLE_TIMEOUT="8",
                WATCHER_POLICY_FILE=str(policy),
            )
        )
        try:
            operator.run("start-ray")
            operator.run("start-watcher")
            for wave in WAVES:
                for load in wave:
                    submit(operator, *load)
                time.sleep(LAST_WAVE_SECONDS if wave == WAVES[-1] else WAVE_SECONDS)
            take(f"http://{operator.environment['WATCHER_LISTEN']}/")
        finally:
            subprocess.run([PROGRAM, "stop-ray"], env=operator.full_environment, timeout=120, check=False)


def submit(operator: Operator, tasks: int, cpus: float, gpus: int, seconds: int) -> None:
    """Give the cluster one load."""
    sizes = {"--num-tasks": tasks, "--num-cpus": cpus, "--num-gpus": gpus, "--seconds": seconds}
    operator.run("load", *(str(part) for size in sizes.items() for part in size), "--no-wait")


def take(url: str) -> None:
    """Take each view of the page at `url`."""
    with chromium() as browser:
        for name, options in VIEWS.items():
            page = open_page(browser, url, locale=LOCALE, **options)
            page.get_by_role("button", name="15m").click()
            page.locator("#marks button").last.click()
            page.wait_for_timeout(2500)
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=str(ROOT / "docs" / f"page-{name}.png"))


if __name__ == "__main__":
    main()
