"""`make screenshots`: docs/page-*.png, the scaler's page over a real cluster of processes (some four minutes)."""

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

VIEWS: dict[str, dict[str, Any]] = {
    "laptop": {"viewport": {"width": 1280, "height": 860}},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True},
}
WAVES = ((3, 12), (8, 14), (5, 40))  # tasks, and seconds of each
WAVE_SECONDS = 50.0


def main() -> None:
    """Run a cluster with work that comes in waves, and take the pictures in the last one."""
    with tempfile.TemporaryDirectory() as directory:
        operator = Operator(
            own_environment(
                own_name("pictures"),
                Path(directory),
                WATCHER_OBJECT_STORE_MEMORY="100MB",
                WATCHER_CHECK_INTERVAL="2",
                WATCHER_COOLDOWN="10",
                WATCHER_IDLE_TIMEOUT="8",
                WATCHER_MAX_WORKERS="3",
            )
        )
        try:
            operator.run("start-ray")
            operator.run("start-watcher")
            for tasks, seconds in WAVES:
                operator.run("load", "--num-tasks", str(tasks), "--seconds", str(seconds), "--no-wait")
                operator.run("load", "--num-tasks", "2", "--num-cpus", "0.5", "--seconds", str(seconds), "--no-wait")
                time.sleep(WAVE_SECONDS if (tasks, seconds) != WAVES[-1] else 15)
            take(f"http://{operator.environment['WATCHER_LISTEN']}/")
        finally:
            subprocess.run([PROGRAM, "stop-ray"], env=operator.full_environment, timeout=120, check=False)


def take(url: str) -> None:
    """Take each view of the page at `url`."""
    with chromium() as browser:
        for name, options in VIEWS.items():
            page = open_page(browser, url, **options)
            page.get_by_role("button", name="15m").click()
            page.locator("#marks button").last.click()
            page.wait_for_timeout(2500)
            page.screenshot(path=str(ROOT / "docs" / f"page-{name}.png"))
            if name == "laptop":
                page.screenshot(path=str(ROOT / "docs" / "page-whole.png"), full_page=True)


if __name__ == "__main__":
    main()
