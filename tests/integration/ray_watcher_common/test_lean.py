"""What the programs that run all the time keep out of their memory."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("program", ["exporter", "scaler"])
def test_a_program_does_not_load_rich_for_its_log_and_can_still_be_given_it(program: str) -> None:
    code = f"import {program}.__main__, sys; assert 'rich' not in sys.modules; import rich"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
