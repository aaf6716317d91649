"""One trace: where the time of a training step goes on the device."""

from collections.abc import Sequence
from typing import Any

from engine_variants import DEVICE, engine_of
from timed_training import Stopwatch, crops_of, packed, run
from torch.profiler import ProfilerActivity, profile
from training import prepare

from on_gpu.extent import Given
from on_gpu.fast import task_of
from on_gpu.notes import Notes

STEPS = 5
TOP = 25
KINDS = {
    "convolutions": ("conv", "cudnn", "cutlass", "wgrad", "dgrad", "implicit", "winograd", "gemm", "xmma", "nchw"),
    "optimiser and average": ("adam", "multi_tensor", "foreach", "lerp"),
    "copies": ("memcpy", "memset", "copy"),
}
"""Parts of the names of kernels; the rest is pointwise, resizing and sums."""


class Profiled(Stopwatch):
    """Profiles the iterations after the warm-up."""

    def __init__(self, warm_up: int) -> None:
        super().__init__(warm_up)
        gpu = [ProfilerActivity.CUDA] if DEVICE.type == "cuda" else []
        self.profile = profile(activities=[ProfilerActivity.CPU, *gpu])

    def progress(self, name: str, done: int, total: int, samples: int) -> None:
        """Begin after the warm-up, and end with the last iteration."""
        if done == self.warm_up:
            self.profile.start()  # before the time is taken: it loads libraries
        super().progress(name, done, total, samples)
        if done == total:
            self.profile.stop()


def profile_steps(given: Given, notes: Notes, _: str) -> None:
    """Five steps of SlimRLFN, eager and as a graph: the kernels that take longest; the eager steps' trace as a file."""
    prepare(given.work, given.extent.photographs, None)
    extent = given.extent
    for words in ("tf32", "graph tf32"):

        def measured(words: str = words) -> dict[str, Any]:
            base = task_of(extent, "SlimRLFN training", extent.batch, extent.patch)
            task = type(base)(base.network, base.batch, base.patch, STEPS, warm_up=base.warm_up)
            watch = Profiled(task.warm_up)
            run(task, engine_of(words), crops_of(packed(given.work), task, DEVICE), watch)
            if "graph" not in words:
                watch.profile.export_chrome_trace(str(notes.folder / "trace.json.gz"))
            return kernels(watch, 1e3 * (watch.ended - watch.begun))

        notes.tried(words, measured)


def kernels(watch: Profiled, milliseconds: float) -> dict[str, Any]:
    """Milliseconds of ``STEPS`` steps by kernel, the longest first, by kind, and how much of the time they fill."""
    gpu = DEVICE.type == "cuda"
    events = watch.profile.key_averages()
    ranges = {event.name for event in watch.profile.events() if getattr(event, "is_user_annotation", False)}  # type: ignore[no-untyped-call]
    found = [
        (event.key, _milliseconds(event, gpu), event.count) for event in events if not gpu or _is_kernel(event, ranges)
    ]
    found.sort(key=lambda each: -each[1])
    whole = sum(each[1] for each in found)
    return {
        "wall_ms": round(milliseconds, 3),
        "kernels_ms": round(whole, 3),
        "busy": round(whole / milliseconds, 3),
        "kinds_ms": by_kind([(name, spent) for name, spent, _ in found]),
        "longest": [
            {"kernel": name[:120], "ms": round(spent, 3), "calls": calls} for name, spent, calls in found[:TOP]
        ],
    }


def by_kind(found: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Milliseconds by what a kernel's name says of it."""
    kinds = dict.fromkeys([*KINDS, "others"], 0.0)
    for name, spent in found:
        kind = next((kind for kind, parts in KINDS.items() if any(part in name.lower() for part in parts)), "others")
        kinds[kind] += spent
    return {kind: round(spent, 3) for kind, spent in kinds.items()}


def _is_kernel(event: Any, ranges: set[str]) -> bool:
    """Whether it ran on the GPU and is no range, which spans kernels that count by themselves."""
    return str(event.device_type).endswith("CUDA") and event.key not in ranges


def _milliseconds(event: Any, gpu: bool) -> float:
    return float(event.self_device_time_total if gpu else event.self_cpu_time_total) / 1e3
