"""One step of benchmarks/gpu.py, in the process that was started for it: ``step.py PART KEY OPTIONS``."""

import datetime
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from engine_variants import DEVICE

from esr.common.errors import Terminated
from esr.timing.gpu_sensor import gpu_sensor
from on_gpu import fast, measured, profile, real, right
from on_gpu.drivers import drivers
from on_gpu.extent import Given
from on_gpu.notes import WHOLE, Notes
from on_gpu.plan import NETWORKS, Step
from on_gpu.two_processes import two_processes

STEPS: dict[tuple[str, str], Callable[[Given, Notes, str], None]] = {
    ("right", "tests"): right.tests,
    ("right", "against-cpu"): right.against_cpu,
    ("right", "same-bytes"): right.same_bytes,
    ("right", "killed"): right.killed,
    ("right", "two-processes"): two_processes,
    ("right", "networks"): right.networks,
    ("right", "drivers"): drivers,
    ("fast", "basicsr"): fast.basicsr,
    ("fast", "waiting"): fast.waiting,
    ("fast", "composed"): fast.composed,
    ("fast", "teacher"): fast.teacher,
    ("fast", "table"): fast.table,
    ("fast", "profile"): profile.profile_steps,
    ("measured", "session"): measured.session,
    ("measured", "memory"): measured.memory,
    ("measured", "official"): measured.official,
    ("measured", "modes"): measured.modes,
    ("measured", "best"): measured.best,
    ("real", "train"): real.train_long,
    ("real", "score"): real.score,
}


def run_step(step: Step, given: Given, notes: Notes) -> None:
    """Do a step, and note when, how long, and the clocks before and after."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # before the first product: deterministic trainings need it
    begun, clocks = time.monotonic(), [clock()]
    notes.begin()
    try:
        if step.argument not in set(NETWORKS) - set(given.extent.networks):  # a rehearsal leaves some out
            STEPS[step.part, step.name](given, notes, step.argument)
    except Terminated as stopped:
        print(f"  {stopped}", file=sys.stderr, flush=True)
        return
    except Exception as error:
        notes.failed(WHOLE, error)
        raise
    notes.finish(
        finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - begun, 1),
        clocks=[*clocks, clock()],
        device=torch.cuda.get_device_name() if DEVICE.type == "cuda" else "CPU",
    )


def clock() -> dict[str, Any] | None:
    """What NVML says of the GPU now; None without it."""
    sensor = gpu_sensor(DEVICE)
    return dict(sensor.describe()) if sensor else None
