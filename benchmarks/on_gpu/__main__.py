"""One step, as gpu.py starts it: ``python -m on_gpu PART KEY RESULTS WORK LUGGAGE TRAIN_MINUTES REHEARSE``."""

import sys
from pathlib import Path

from on_gpu.extent import FULL, TINY, Given
from on_gpu.notes import Notes
from on_gpu.plan import step_of
from on_gpu.step import run_step

if __name__ == "__main__":
    part, key, results, work, luggage, minutes, rehearse = sys.argv[1:]
    step = step_of(part, key)
    given = Given(TINY if rehearse else FULL, Path(work), Path(luggage), float(minutes) if minutes else None)
    run_step(step, given, Notes(Path(results), step))
