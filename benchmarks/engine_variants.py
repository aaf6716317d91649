"""What each setting of the table ``engine`` is worth: images per second of our whole loop.

Run by ``python benchmarks/training.py --part engine``. On a GPU all runs in one process, one after the other; on a CPU
each has a process of its own, in alternating rounds. Differences of a few percent are noise.
"""

import gc
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from timed_training import Task, crops_of, one_batch, ours, packed
from torch import nn

from esr.networks.rlfn import RLFN
from esr.packed.store import PackedSet
from esr.recipes.engine_settings import EngineSettings
from esr.training.engine import Engine
from esr.training.objective import Teacher
from esr.weights.weights_file import data_range_of

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
STEPS = {(16, 256): 120, (64, 256): 60, (16, 640): 30, (64, 640): 12}  # timed iterations: a second or two
TEACHER_TASK = Task("SlimRLFN training", 64, 256, 20, warm_up=8)


class ContiguousEngine(Engine):
    """Without channels_last: the layout that a network has where nobody thinks of it."""

    def placed(self, network: nn.Module) -> nn.Module:
        """The network on the device, in its own layout."""
        return network.to(self.device)


class ExactlySmallEngine(Engine):
    """With numbers below 1e-38 as they are, which a CPU computes slowly."""

    def set_up_process(self) -> None:
        """As always, but for these numbers."""
        super().set_up_process()
        torch.set_flush_denormal(False)


class ReturningEngine(Engine):
    """With the C library's habit of giving large blocks back to the system when they are freed."""

    def _keep_freed_memory(self) -> None:
        """Nothing."""


KINDS = {"contiguous": ContiguousEngine, "denormals": ExactlySmallEngine, "returning": ReturningEngine}


def engines(names: list[str]) -> Iterator[tuple[str, Engine]]:
    """Engines by what they are called, such as ``compiled graph bf16``; each comes with the process set up for it."""
    for name in names:
        words = name.split()
        own = {
            "precision": next(word for word in words if word in ("fp32", "tf32", "bf16")),
            "compile": "compiled" in words,
        }
        if "graph" in words:
            own["graph"] = True
        settings = EngineSettings.model_validate({"deterministic": "deterministic" in words, DEVICE.type: own})
        kind = next((KINDS[word] for word in words if word in KINDS), Engine)
        engine = kind(settings, DEVICE)
        engine.set_up_process()
        yield name, engine


ALL = [
    "contiguous fp32",
    "fp32",
    "tf32",
    "bf16",
    "graph fp32",
    "graph tf32",
    "graph bf16",
    "compiled tf32",
    "compiled graph fp32",
    "compiled graph tf32",
    "compiled graph bf16",
    "graph tf32 deterministic",
    "compiled graph tf32 deterministic",
]
SOME = ["contiguous fp32", "tf32", "graph tf32", "compiled graph tf32", "compiled graph bf16"]
FEW = ["tf32", "graph tf32", "compiled graph tf32"]
ON_CPU = ["fp32", "contiguous fp32", "denormals fp32", "returning fp32", "bf16", "compiled fp32"]  # against the first
CPU_TASKS = [
    Task("SlimRLFN training", 16, 256, iterations=6, warm_up=2),
    Task("SlimRLFN deploy", 16, 256, iterations=6, warm_up=2),
    Task("SlimRLFN training", 16, 640, iterations=2, warm_up=1),
    Task("R2Net training", 16, 256, iterations=6, warm_up=2),
]
TASKS = [
    ("SlimRLFN training", 64, 256, ALL),
    ("SlimRLFN training", 16, 256, SOME),
    ("SlimRLFN training", 64, 640, SOME),
    ("SlimRLFN deploy", 64, 256, SOME),
    ("SlimRLFN deploy", 16, 256, FEW),
    ("SlimRLFN deploy", 64, 640, FEW),
    ("SlimRLFN training", 16, 640, FEW),
    ("SlimRLFN deploy", 16, 640, FEW),
]


def measure(folder: Path) -> dict[str, Any]:
    """Images per second by task and setting; then where batches come from; then what a teacher costs."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # before the first product: deterministic variants need it
    images = packed(folder)
    results: dict[str, Any] = {}
    for network, batch, patch, names in TASKS:
        task = Task(network, batch, patch, STEPS[batch, patch], warm_up=8)
        for name, engine in engines(names):
            _put(results, str(task), name, lambda t=task, e=engine: ours(t, e, crops_of(images, t, DEVICE)))
    for _, batch, patch, _ in TASKS[:3]:
        task = Task("SlimRLFN training", batch, patch, STEPS[batch, patch], warm_up=8)
        for name, batches in _sources(images, task).items():
            (_, engine), *_ = engines(["graph tf32"])
            _put(results, f"{task}: batches, graph tf32", name, lambda t=task, e=engine, b=batches: ours(t, e, b))
        _put_waiting(results[f"{task}: batches, graph tf32"])
    for name in ("fp32", "tf32", "bf16"):
        for words in ("graph", "compiled graph"):
            (_, engine), *_ = engines([f"{words} tf32"])
            engine.own = engine.own.model_copy(update={"teacher_precision": name})
            _put(results, f"{TEACHER_TASK}: under RLFN 6x196", f"{words}, teacher {name}", lambda e=engine: _taught(e))
    return results


def on_cpu(task: Task, name: str, folder: Path) -> float:
    """Images per second of one setting on a CPU."""
    ((_, engine),) = engines([name])
    return ours(task, engine, crops_of(packed(folder), task, DEVICE))


def seconds_to_start(task: Task, name: str, folder: Path) -> float:
    """What a setting needs for a training of two iterations: what compiling costs where no cache helps."""
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    begun = time.perf_counter()
    on_cpu(replace(task, iterations=1, warm_up=1), name, folder)
    return time.perf_counter() - begun


def _sources(images: PackedSet, task: Task) -> dict[str, Any]:
    """A set that lies on the device, threads that crop ahead, and one batch for ever: no data to wait for."""
    return {
        "resident": crops_of(images, task, DEVICE, resident=True),
        "cropped by 2 threads": crops_of(images, task, DEVICE, resident=False, workers=2),
        "no data": one_batch(task, DEVICE),
    }


def _taught(engine: Engine) -> float:
    teacher = RLFN(channels=196, inner=196, blocks=6)
    target = Teacher.of(teacher, data_range_of(teacher), 1.0, engine)
    return ours(TEACHER_TASK, engine, one_batch(TEACHER_TASK, DEVICE), target)


def _put_waiting(found: dict[str, Any]) -> None:
    """The share of the time that a loop waits for data: what it lacks to one that never does."""
    for name in ("resident", "cropped by 2 threads"):
        if isinstance(found[name], float) and isinstance(found["no data"], float):
            found[f"{name}: share of time waiting"] = round(1 - found[name] / found["no data"], 3)
            print(f"{name}: {found[f'{name}: share of time waiting']:.1%} of the time spent waiting for data")


def _put(results: dict[str, Any], group: str, name: str, run: Any) -> None:
    """Measure and print; a setting that fails is told, and the others go on."""
    try:
        found: Any = round(run(), 1)
    except Exception as error:
        found = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    results.setdefault(group, {})[name] = found
    memory = torch.cuda.max_memory_reserved() / 2**30
    print(f"{group:50} {name:36} {found} ({memory:.1f} GiB)", flush=True)
    torch._dynamo.reset()
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
