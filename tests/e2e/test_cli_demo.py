"""`ray-watcher demo`, interrupted early or half-way as a user would: nothing of it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.operating import PROGRAM, processes_below

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
STOPPING_SECONDS = 60


@pytest.mark.parametrize(
    ("signum", "step"),
    [
        pytest.param(signal.SIGINT, "submitting 12 tasks", id="Ctrl-C while tasks wait"),
        pytest.param(signal.SIGTERM, "Ray head", id="told to end while the head starts"),
    ],
)
def test_an_interrupted_demo_stops_all_it_started_and_says_where_its_logs_are(
    tmp_path: Path, signum: signal.Signals, step: str
) -> None:
    with subprocess.Popen(
        ["env", "--default-signal=INT", PROGRAM, "demo"],  # whoever runs us in the background ignores Ctrl-C
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        said = ""
        for line in demo.stdout:
            said += line
            if step in line:
                demo.send_signal(signum)
        assert demo.wait(STOPPING_SECONDS) == 130, said
    assert f": {tmp_path}" in said
    assert processes_below(str(tmp_path)) == []
