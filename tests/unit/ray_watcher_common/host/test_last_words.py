"""The reason of an end in the last lines of output, and no reason where there is none."""

from __future__ import annotations

import pytest

from ray_watcher_common.host.last_words import reason

INFO = "2026-11-28 12:00:00,123\tINFO scripts.py:1105 -- Local node IP: 172.18.0.2"
BANNER = ["Next steps", "To add another node:", "Process exit logs will be saved to: /tmp/ray/session_latest/logs"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], "", id="silence"),
        pytest.param([INFO], "", id="an INFO line is no reason"),
        pytest.param(["[2026-11-28 12:00:00,123 I 12 12] (raylet) main.cc:1: up"], "", id="nor one of a C++ program"),
        pytest.param(['time=x level=info msg="ready"'], "", id="nor one in logfmt"),
        pytest.param(BANNER, "", id="nor what Ray says when all is well"),
        pytest.param(["OSError: no space left on device", INFO, ""], "OSError: no space left on device", id="an error"),
        pytest.param(
            [
                *BANNER,
                "\x1b[31mSome Ray subprocesses exited unexpectedly:\x1b[39m",
                "  \x1b[31mraylet\x1b[39m [exit code=-9]",
                "",
                "\x1b[31mRemaining processes will be killed.\x1b[39m",
            ],
            "Some Ray subprocesses exited unexpectedly: raylet [exit code=-9]",
            id="which of Ray's programs ended, without colours",
        ),
    ],
)
def test_the_last_line_that_can_be_a_reason_is_the_reason(lines: list[str], expected: str) -> None:
    assert reason(lines) == expected
