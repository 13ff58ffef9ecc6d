"""No text of a panel is cut off at 125 % and 200 % scale, in dark and light; every button has a tooltip."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("scale", "theme"), [("1.25", "dark"), ("2", "light")])
def test_no_text_is_cut_off(small_study, scale, theme):
    script = Path(__file__).with_name("measure_texts.py")
    done = subprocess.run(
        [sys.executable, str(script), str(small_study), theme],
        env={**os.environ, "QT_SCALE_FACTOR": scale, "QT_LOGGING_RULES": "*=false"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.strip().splitlines()[-1])
    assert result["ratio"] == float(scale)
    assert result["seen"] > 60
    assert not result["cut"], "\n".join(map(str, result["cut"]))
    assert not result["untold"], "\n".join(map(str, result["untold"]))
