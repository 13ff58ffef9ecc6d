"""No text of a panel is cut off at 125 % and 200 % scale, in dark and light; every button has a tooltip."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = [("1.25", "dark"), ("2", "light")]


@pytest.fixture(scope="module")
def measuring(small_study):
    """One process a case, both at once: the scale cannot be changed once Qt has begun."""
    script = Path(__file__).with_name("measure_texts.py")
    processes = {
        (scale, theme): subprocess.Popen(
            [sys.executable, str(script), str(small_study), theme],
            env={**os.environ, "QT_SCALE_FACTOR": scale, "QT_LOGGING_RULES": "*=false"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for scale, theme in CASES
    }
    yield processes
    for process in processes.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("scale", "theme"), CASES)
def test_no_text_is_cut_off(measuring, scale, theme):
    process = measuring[scale, theme]
    out, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors[-2000:]
    result = json.loads(out.strip().splitlines()[-1])
    assert result["ratio"] == float(scale)
    assert result["seen"] > 60
    assert not result["cut"], "\n".join(map(str, result["cut"]))
    assert not result["untold"], "\n".join(map(str, result["untold"]))
