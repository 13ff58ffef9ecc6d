"""Writing behind the network that is interrupted."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from typing import Any, cast

import pytest

from alignedcut_viewer.pipeline.feature_writer import FeatureWriter

pytestmark = pytest.mark.quick


def _stands_in(thread: int, function: Any) -> bool:
    frames = traceback.walk_stack(sys._current_frames()[thread])
    return any(frame.f_code is function.__code__ for frame, _ in frames)


@pytest.mark.skipif(os.name == "nt", reason="needs a signal that a process sends to itself")
def test_ctrl_c_while_the_last_batches_are_written_waits_for_the_one_that_is_being_written() -> None:
    """The study is closed next: nobody may write to it from then on."""
    written: list[int] = []
    main = threading.get_ident()

    class Features:
        def put(self, layers: Any, images: list[int]) -> None:
            while not _stands_in(main, FeatureWriter.close):
                time.sleep(0.01)
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            written.extend(images)

    writer = FeatureWriter(cast(Any, None), {"token": cast(Any, Features())})
    writer.put({"token": {}}, [0, 1], {})
    writer.put({"token": {}}, [2, 3], {})
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # dask_jobqueue sets another when it is imported
    try:
        with pytest.raises(KeyboardInterrupt):
            writer.close()
    finally:
        signal.signal(signal.SIGINT, before)
    assert written == [0, 1]
