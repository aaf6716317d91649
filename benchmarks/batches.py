"""Samples per processor second that a worker makes, ours against BasicSR's PairedImageDataset and against memcpy;
and on a GPU, samples per second on the device and the share of a training step that waits for them.

    python benchmarks/batches.py --basicsr ../BasicSR      # needs opencv-python-headless, lmdb, tqdm beside esr

One thread; rounds alternate between the ways, and a ratio is the median over the rounds, so that whatever else the
machine does falls on all ways alike. BasicSR's sample is a float tensor, flipped and turned; ours is cropped by the
worker ("ours, worker") and finished on the device, here the same processor ("ours, finished on the CPU").
"""

import argparse
import gc
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import basicsr_tools
import numpy as np
import torch
from packing import basicsr, ours
from photographs import make_photographs
from records import write_record

from esr.batches.batches import Batch, Batches
from esr.batches.cropping import crop_batch
from esr.batches.sampling import Sampler
from esr.packed.store import PackedSet, open_set

SIZES = {64: 64, 256: 64, 640: 16}
"""Patches per batch at each side of an HR patch."""

SECONDS = 0.4  # of processor time per way and round, at least
Work = Callable[[], int]  # makes some samples and says how many


def ways_on_the_cpu(packed_set: PackedSet, patch: int, folder: Path, checkout: Path | None) -> dict[str, Work]:
    """What is compared, by name."""
    count = SIZES[patch]
    pairs = Pairs(packed_set)
    ways = {
        "ours, worker": cropping(packed_set, packed_set.sizes, patch, count),
        "ours, worker, large pages": cropping(pairs, packed_set.sizes, patch, count),
        "ours, worker, one image": cropping(Pairs(packed_set, only=0), packed_set.sizes, patch, count),
        "ours, finished on the CPU": iterating(Batches(packed_set, patch, count, iterations=10**9), count),
        "memcpy": copying(packed_set, patch, count, far=False),
        "memcpy from afar": copying(packed_set, patch, count, far=True),
    }
    if checkout:
        whole = patch > 480  # BasicSR's sub-images of 480 cannot serve it: full images
        ways["BasicSR, PNG"] = reading(basicsr_tools.paired_images(folder if whole else folder / "sub", "disk", patch))
        lmdb = folder / ("lmdb-whole" if whole else "lmdb")
        ways["BasicSR, LMDB"] = reading(basicsr_tools.paired_images(lmdb, "lmdb", patch))
    return ways


class Pairs:
    """A set in memory of its own, on large pages where the kernel gives them: what the map's small pages cost.

    With ``only`` an image, every image is that one, which then lies in the processor's cache: what is left is Python.
    """

    def __init__(self, packed_set: PackedSet, only: int | None = None) -> None:
        images = range(len(packed_set)) if only is None else [only] * len(packed_set)
        flat = [array for i in dict.fromkeys(images) for array in packed_set.pair(i)]
        memory = np.concatenate([array.ravel() for array in flat])
        ends = np.cumsum([array.size for array in flat])
        copies = [memory[end - a.size : end].reshape(a.shape) for a, end in zip(flat, ends.tolist(), strict=True)]
        self._pairs = list(zip(copies[::2], copies[1::2], strict=True))
        self._pairs *= len(packed_set) if only is not None else 1

    larger_than_memory = False  # as a PackedSet says it

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self._pairs[index]


def cropping(images: PackedSet | Pairs, sizes: np.ndarray, patch: int, count: int) -> Work:
    """What a worker of ours does for a batch: draw, and copy rows into memory that is used again and again."""
    sampler = Sampler(sizes, patch, seed=0)
    hr = np.empty((count, patch, patch, 3), np.uint8)
    lr = np.empty((count, patch // 4, patch // 4, 3), np.uint8)
    numbers = itertools.count(0, count)

    def work() -> int:
        crop_batch(images, sampler.draw(next(numbers), count), lr, hr)  # type: ignore[arg-type]  # Pairs reads alike
        return count

    return work


def iterating(batches: Batches, count: int) -> Work:
    """A batch as training gets it: float, flipped, turned."""
    iterator = iter(batches)

    def work() -> int:
        next(iterator)
        return count

    return work


def copying(packed_set: PackedSet, patch: int, count: int, far: bool) -> Work:
    """The bound: as many bytes copied at a stretch, out of the cache or, from afar, out of the whole store."""
    size = count * (patch**2 * 3 + (patch // 4) ** 2 * 3)
    samples = np.array(packed_set.parts[0].samples)
    target = np.zeros(size, np.uint8)
    starts = itertools.cycle(range(0, len(samples) - size, size) if far else [0])

    def work() -> int:
        start = next(starts)
        target[:] = samples[start : start + size]
        return count

    return work


def reading(dataset: torch.utils.data.Dataset) -> Work:  # type: ignore[type-arg]
    """A sample of BasicSR's, of one image after the other in a shuffled order."""
    order = itertools.cycle(np.random.default_rng(0).permutation(len(dataset)).tolist())  # type: ignore[arg-type]

    def work() -> int:
        dataset[next(order)]
        return 1

    return work


def samples_per_cpu_second(work: Work) -> float:
    """Of one way, over at least SECONDS of processor time."""
    made, began = 0, time.process_time()
    while (spent := time.process_time() - began) < SECONDS:
        made += work()
    return made / spent


def compare_on_the_cpu(folder: Path, rounds: int, checkout: Path | None) -> dict[int, dict[str, dict[str, float]]]:
    """Medians of samples per processor second, and of the ratios to ours, for every size of patch."""
    torch.set_num_threads(1)
    packed_set = open_set(folder / "ours/set/manifest.json")
    found = {}
    for patch in SIZES:
        ways = ways_on_the_cpu(packed_set, patch, folder, checkout)
        for work in ways.values():  # caches, page tables and lazily opened files
            work()
        speeds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, work in ways.items():
                speeds[name].append(samples_per_cpu_second(work))
        worker = speeds["ours, worker"]
        found[patch] = {
            name: {
                "samples_per_cpu_second": round(statistics.median(speeds[name]), 1),
                "ours_worker_over_this": round(float(np.median(np.divide(worker, speeds[name]))), 3),
            }
            for name in ways
        }
        for name, values in found[patch].items():
            print(f"HR {patch:3}  {name:26} {values['samples_per_cpu_second']:12,.1f}  {values}", flush=True)
    return found


def compare_from_disk(folder: Path, rounds: int) -> dict[str, float]:
    """Samples per second at HR 256 out of a store that is not in memory, with the crops announced and without."""
    manifest = folder / "ours/set/manifest.json"
    patch, count = 256, 64
    speeds: dict[str, list[float]] = {"announced": [], "not announced": []}
    for _, name in itertools.product(range(rounds), speeds):
        packed_set = open_set(manifest)
        packed_set.larger_than_memory = name == "announced"
        for index in range(len(packed_set) if name == "not announced" else 0):
            packed_set.pair(index)  # now, so that no image is announced when it is used
        work = cropping(packed_set, packed_set.sizes, patch, count)
        _forget(manifest.parent / "images.store")
        began = time.monotonic()
        speeds[name].append(work() / (time.monotonic() - began))
    found: dict[str, float] = {
        f"HR {patch}, {name}": round(statistics.median(values)) for name, values in speeds.items()
    }
    print(f"samples a second from disk: {found}", flush=True)
    return found


def _forget(store: Path) -> None:
    """Drop the store from the kernel's cache; only pages that nothing has mapped are dropped."""
    gc.collect()
    handle = os.open(store, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def compare_on_the_gpu(folder: Path) -> dict[str, dict[str, float]]:
    """Samples per second on the device for each way of bringing them there."""
    packed_set = open_set(folder / "ours/set/manifest.json")
    ways: dict[str, dict[str, Any]] = {f"{n} workers": {"workers": n, "resident": False} for n in (1, 2, 4)}
    ways["resident"] = {"resident": True}
    found: dict[str, dict[str, float]] = {}
    for (patch, count), (name, options) in itertools.product(SIZES.items(), ways.items()):
        batches = iter(Batches(packed_set, patch, count, iterations=10**9, device="cuda", **options))
        for _ in range(10):
            next(batches)
        torch.cuda.synchronize()
        began, made = time.monotonic(), 0
        while time.monotonic() - began < 2:
            for _ in range(20):
                next(batches)
                made += count
            torch.cuda.synchronize()
        found[f"HR {patch}, {name}"] = {"samples_per_second": round(made / (time.monotonic() - began))}
        print(f"HR {patch:3}  {name:12} {found[f'HR {patch}, {name}']}", flush=True)
    return found


def waiting_share(folder: Path) -> dict[str, float]:
    """How much longer a SlimRLFN training step takes with fresh batches than with one batch again and again."""
    from esr.networks.slimrlfn import SlimRLFN

    packed_set = open_set(folder / "ours/set/manifest.json")
    network = SlimRLFN().cuda().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(network.parameters(), fused=True)

    def step(batch: Batch) -> None:
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.l1_loss(network(batch[0]), batch[1]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    found = {}
    for patch, count in SIZES.items():
        for name, options in {"workers": {"resident": False}, "resident": {"resident": True}}.items():
            batches = iter(Batches(packed_set, patch, count, iterations=10**9, device="cuda", **options))
            same = next(batches)
            rounds = []
            for _ in range(7):
                fixed = _seconds(step, itertools.repeat(same))
                fresh = _seconds(step, batches)
                rounds.append(1 - fixed / fresh)
            found[f"HR {patch}, {name}"] = round(statistics.median(rounds[1:]), 4)
            print(f"share of a step that waits for data, HR {patch}, {name}: {found[f'HR {patch}, {name}']:.1%}")
    return found


def _seconds(step: Callable[[Batch], None], batches: Iterator[Batch], steps: int = 30) -> float:
    torch.cuda.synchronize()
    began = time.monotonic()
    for _ in range(steps):
        step(next(batches))
    torch.cuda.synchronize()
    return time.monotonic() - began


def prepare(folder: Path, images: int, checkout: Path | None) -> None:
    """Photographs, packed by us and by BasicSR, unless they are there; in other processes, to leave this one clean."""
    make_photographs(folder, images)
    for way, out in (("ours", folder / "ours"), ("BasicSR", folder / "lmdb")):
        if not out.exists() and (way == "ours" or checkout):
            command = [sys.executable, __file__, "--prepare", way, "--folder", str(folder)]
            command += ["--basicsr", str(checkout)] if checkout else []
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if checkout:
        basicsr_tools.enter(checkout)


def prepare_one(way: str, folder: Path, checkout: Path) -> None:
    """Make a training set of the photographs, by one way."""
    if way == "ours":
        ours(folder, folder / "ours", lr=True)
        return
    basicsr(folder, folder, checkout)
    basicsr_tools.make_lmdb(folder, folder / "lmdb-whole")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--basicsr", type=Path, help="checkout of BasicSR")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "esr-benchmark")
    parser.add_argument("--prepare", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.prepare:
        prepare_one(arguments.prepare, arguments.folder, arguments.basicsr)
        raise SystemExit
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    prepare(arguments.folder, arguments.images, arguments.basicsr)
    results: dict[str, object] = {"cpu": compare_on_the_cpu(arguments.folder, arguments.rounds, arguments.basicsr)}
    results["samples_per_second_from_disk"] = compare_from_disk(arguments.folder, arguments.rounds)
    if torch.cuda.is_available():
        results["gpu"] = compare_on_the_gpu(arguments.folder)
        results["share_of_a_step_that_waits"] = waiting_share(arguments.folder)
    what = (
        f"{arguments.images} photographs of 1024x768, x4. Samples per processor second of one thread, medians of "
        f"{arguments.rounds} alternating rounds, with flips and turns but for 'ours, worker', which leaves them to the "
        "device. BasicSR reads its own sub-images of 480, and whole images where the patch is 640. memcpy: as many "
        "bytes copied at a stretch, within the cache and ('from afar') out of the whole store. Where the worker's time "
        "goes: with 'one image' all reading is from the cache, and what is left is Python and the copy; 'large pages' "
        "adds reading from the whole set; 'ours, worker' adds the file map's pages of 4 KiB, one or more per row."
    )
    print(write_record("batches", what, results))
