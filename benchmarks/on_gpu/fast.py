"""Fast: our loop against BasicSR's, the wait for data, composed kernels, a teacher, and where the time goes."""

import copy
import gc
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from convolution_peak import convolution_peak
from engine_variants import DEVICE, PRECISIONS, engine_of, speed_of
from timed_training import Task, crops_of, one_batch, ours, packed
from training import alone, alternate, operations, prepare, run_ours, run_theirs

from esr.networks.rlfn import RLFN
from esr.timing.clock import milliseconds_by
from esr.training.objective import Teacher
from esr.weights.weights_file import data_range_of
from on_gpu.extent import Extent, Given
from on_gpu.notes import Notes
from on_gpu.shortfalls import times_of

PEAKS = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}


def task_of(extent: Extent, network: str, batch: int, patch: int) -> Task:
    """A training of a second or two at this batch and patch."""
    iterations, warm_up = extent.iterations_of(batch, patch)
    return Task(network, batch, patch, iterations, warm_up)


def peak_in(precision: str, times: int) -> float:
    """The device's own convolution peak, FLOP/s, the best of so many times."""
    engine_of(precision)
    return round(convolution_peak(DEVICE, PEAKS[precision], times))


def basicsr(given: Given, notes: Notes, size: str) -> None:
    """SlimRLFN's whole loop, as params.yaml sets it and as one CUDA graph, beside BasicSR's, in alternating rounds."""
    extent = given.extent
    batch, patch = (extent.batch, extent.large if size.endswith("x640") else extent.patch)
    alone(prepare, given.work, extent.photographs, given.basicsr)
    for form in ("training", "deploy"):
        task = task_of(extent, f"SlimRLFN {form}", batch, patch)
        ways: dict[str, Callable[[], float]] = {
            "ours": partial(alone, run_ours, task, given.work),
            "ours, graph tf32": partial(alone, speed_of, task, "graph tf32", given.work),
        }
        if given.basicsr:
            ways["BasicSR"] = partial(alone, run_theirs, task, given.work, given.basicsr)
        notes.tried(form, partial(alternate, ways, extent.rounds))
    if given.basicsr is None:
        notes.failed(
            "BasicSR", FileNotFoundError(f"{given.luggage}/BasicSR is not there; bring a checkout of it along")
        )


def waiting(given: Given, notes: Notes, _: str) -> None:
    """The share of a training's time that goes into data: what it lacks to one that never waits, round by round."""
    prepare(given.work, given.extent.photographs, None)
    images, extent = packed(given.work), given.extent
    for batch, patch in (
        (extent.batch, extent.patch),
        (extent.batch // 4 or 1, extent.patch),
        (extent.batch, extent.large),
    ):
        task = task_of(extent, "SlimRLFN training", batch, patch)
        for words in ("tf32", "graph tf32"):
            engine = engine_of(words)
            sources = {
                "no data": one_batch(task, DEVICE),
                "resident": crops_of(images, task, DEVICE, resident=True),
                "workers": crops_of(images, task, DEVICE, resident=False),
            }
            ways = {name: partial(ours, task, engine, batches) for name, batches in sources.items()}
            notes.tried(f"{batch}x{patch}, {words}", partial(_waiting, ways, 2 * extent.rounds + 1))


def _waiting(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Any]:
    return shares(alternate(ways, rounds))


def shares(found: dict[str, Any]) -> dict[str, Any]:
    """The same, with the share of the time that each source of data takes."""
    rounds = found["rounds"]
    others = [source for source in rounds if source != "no data"]
    return {**found, "share_waiting": {each: round(1 - times_of(rounds, each, "no data"), 4) for each in others}}


def composed(given: Given, notes: Notes, _: str) -> None:
    """Training through composed kernels against branch by branch, in our loop; and R2Net's branches in BasicSR's."""
    alone(prepare, given.work, given.extent.photographs, given.basicsr)
    images, extent = packed(given.work), given.extent
    for network in ("R2Net", "SlimRLFN", "IFADNet", "SPAN"):
        tasks = {
            form: task_of(extent, f"{network} {form}", extent.batch // 4 or 1, extent.patch)
            for form in ("training", "branches")
        }
        for words in ("tf32", "graph tf32"):
            ways: dict[str, Callable[[], float]] = {
                form: partial(_speed, task, words, images) for form, task in tasks.items()
            }
            if given.basicsr and network == "R2Net" and words == "tf32":
                theirs = partial(alone, run_theirs, tasks["branches"], given.work, given.basicsr)
                ways["branches in BasicSR's loop"] = theirs
            notes.tried(f"{network}, {words}", partial(alternate, ways, extent.rounds))


def _speed(task: Task, words: str, images: Any) -> float:
    return ours(task, engine_of(words), crops_of(images, task, DEVICE))


def teacher(given: Given, notes: Notes, _: str) -> None:
    """A teacher's forward pass by itself, and what it leaves of a distillation's speed."""
    extent = given.extent
    master = RLFN(channels=extent.teacher, inner=extent.teacher, blocks=6)
    side = extent.patch // 4
    lr = torch.rand(extent.batch, 3, side, side, device=DEVICE).contiguous(memory_format=torch.channels_last)
    task = task_of(extent, "SlimRLFN training", extent.batch, extent.patch)

    def target_of(words: str, precision: str) -> tuple[Any, Teacher]:
        torch.compiler.reset()
        engine = engine_of(words, teacher=precision)
        return engine, Teacher.of(copy.deepcopy(master), data_range_of(master), 1.0, engine)

    def forward(words: str, precision: str) -> float:
        engine, target = target_of(words, precision)
        times = [milliseconds_by(DEVICE, lambda: target.target(lr, engine)) for _ in range(4 * extent.rounds)]
        return round(1e3 * extent.batch / min(times), 1)

    def distilled(words: str, precision: str) -> float:
        engine, target = target_of(words, precision)
        return round(ours(task, engine, one_batch(task, DEVICE), target), 1)

    for precision in PRECISIONS:
        for words in ("tf32", "compiled tf32"):
            notes.tried(f"forward, {words}, teacher {precision}", partial(forward, words, precision))
        notes.tried(f"distillation, graph tf32, teacher {precision}", partial(distilled, "graph tf32", precision))
    notes.tried(
        "no teacher, graph tf32", lambda: round(ours(task, engine_of("graph tf32"), one_batch(task, DEVICE)), 1)
    )


def table(given: Given, notes: Notes, network: str) -> None:
    """One network's training: layout x precision x kernels x where batches come from, images per second."""
    prepare(given.work, given.extent.photographs, None)
    images, extent = packed(given.work), given.extent
    task = task_of(extent, f"{network} training", extent.batch, extent.patch)
    notes.once("FLOP per image", lambda: operations(task))
    for precision in extent.precisions:
        notes.once(f"convolution peak, {precision}", partial(peak_in, precision, extent.peak_times))
        for layout in ("channels_last", "contiguous"):
            torch.compiler.reset()  # a network of a class that was compiled often would run uncompiled
            for kernels in ("eager", "graph", "compiled", "compiled graph"):
                words = f"{kernels} {layout} {precision}"
                for source in ("resident", "workers"):
                    cell = partial(_cell, task, words, crops_of(images, task, DEVICE, resident=source == "resident"))
                    notes.tried(f"{words}, {source}", cell)


def _cell(task: Task, words: str, batches: Any) -> dict[str, float]:
    """Images per second, and GiB that PyTorch took for it."""
    gpu = DEVICE.type == "cuda"
    if gpu:
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    speed = ours(task, engine_of(words), batches)
    taken = torch.cuda.max_memory_reserved() / 2**30 if gpu else 0.0
    return {"images_per_s": round(speed, 1), "gib": round(taken, 2)}
