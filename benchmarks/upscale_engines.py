"""`esr upscale` on a folder, beside the released network as its users run it and beside other engines, in one run.

::

    PYTHONPATH=ENGINES python benchmarks/upscale_engines.py WEIGHTS.safetensors... --images LR_FOLDER --record

Every way reads the same PNGs, enlarges them and writes PNGs, with as many cores as the process has. Files are read and
written by OpenCV where it is installed, as the challenge's script does, else by Pillow; `esr upscale` by its own means.
The ways take turns, in a random order and back again; a ratio is the median over the rounds. What each way writes is
held against what `esr upscale` writes. ``benchmarks/engines.py`` says how engines are installed.
"""

import argparse
import os
import random
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from engines import ENGINES, PACKAGES, Run, missing
from PIL import Image
from records import versions, write_record

from esr.images.image_files import list_images, read_picture, write_png
from esr.inference.enlarge import enlarge
from esr.inference.upscale import upscale_files
from esr.inference.upscaling_engine import EngineName, choose_engine
from esr.timing.clock import usable_cores
from esr.timing.interval import median_interval
from esr.weights.weights_file import load_network

try:
    import cv2
except ImportError:
    cv2 = None

WHAT = (
    "Images per second from PNG to PNG on all cores of the process: `esr upscale` (an image per core) by the engine"
    " that it chooses, the same by PyTorch, by PyTorch one image after another with all cores on each, and plain loops"
    " (read by OpenCV, run, write by OpenCV) of the released network in eager PyTorch and of other engines, in fp32."
    " Ratios are esr's speed over the other's: above 1, esr is faster; median over rounds of turns there and back, with"
    " its 95 % interval. Processor seconds per image count all threads, waiting ones that spin included. Times begin"
    " with the weights loaded or compiled, but for `esr upscale`, which loads, records, checks and compiles its own."
    " Differences are from esr's files, in levels of 255."
)
ESR, BY_PYTORCH, BEFORE = "esr upscale", "esr upscale, by PyTorch", "esr, one after another"
Way = Callable[[Path], None]
"""Enlarges the images into PNGs in a folder."""


def main() -> None:
    """Measure every weights file, print a table of each and write the record where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--images", type=Path, required=True, help="folder of LR images (8-bit RGB PNGs)")
    parser.add_argument("--count", type=int, help="of the images, evenly spread; all by default")
    parser.add_argument("--repeat", type=int, default=1, help="how often each image is in the folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="torch")
    images = list_images(options.images)
    images = images[:: max(1, len(images) // (options.count or len(images)))][: options.count]
    with TemporaryDirectory() as made:
        results = measure_all(options.weights, repeated(images, options.repeat, Path(made)), options.rounds)
    if options.record:
        print(write_record("upscale-engines-cpu", WHAT, results))


def repeated(images: Sequence[Path], times: int, folder: Path) -> list[Path]:
    """Links in ``folder`` to the images, each ``times`` times under names of their own."""
    for number in range(times):
        for path in images:
            (folder / f"{number}-{path.name}").symlink_to(path.resolve())
    return list_images(folder)


def measure_all(all_weights: Sequence[Path], images: Sequence[Path], rounds: int) -> dict[str, Any]:
    """The conditions, and what ``measure`` finds of each weights file."""
    results: dict[str, Any] = {
        "cores": usable_cores(),
        "images": len(images),
        "lr_megapixels": sum(read_picture(path).pixels[..., 0].size for path in images) / 1e6,
        "read_and_written_by": "OpenCV" if cv2 else "Pillow",
        "engines": versions("onnxruntime", "openvino", "ncnn", "pnnx", "onnx"),
        "load_before": [round(each, 1) for each in os.getloadavg()],
        "esr_by": {},
        "missing": {name: missing(name) for name in ENGINES if missing(name)},
    }
    for weights in all_weights:
        results[weights.stem] = measure(weights, images, rounds)
        results["esr_by"][weights.stem] = chosen_engine(weights, images)
        show(weights.stem, results[weights.stem])
    return results


def measure(weights: Path, images: Sequence[Path], rounds: int) -> dict[str, Any]:
    """Every way's speed, its processor seconds and what it writes, by its name."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        ways = ways_of(weights, images, folder)
        for name, way in ways.items():  # the first pass is slower: kernels are chosen and memory is fetched
            (folder / name).mkdir(exist_ok=True)
            way(folder / name)
        seconds, processor = take_turns(ways, folder, rounds)
        return {
            name: {
                "images_per_second": round(len(images) / statistics.median(seconds[name]), 3),
                "processor_seconds_per_image": round(statistics.median(processor[name]) / len(images), 4),
                **ratio(seconds[name], seconds[ESR]),
                **difference(folder / name, folder / ESR),
                "seconds": [round(each, 3) for each in seconds[name]],
            }
            for name in ways
        }


def ways_of(weights: Path, images: Sequence[Path], folder: Path) -> dict[str, Way]:
    """Every way that can be had here."""
    network, info = load_network(weights)
    cores = usable_cores()

    def side_by_side(engine: EngineName, out: Path) -> None:
        torch.set_num_threads(cores)
        upscale_files(weights, images[0].parent, out, overwrite=True, engine=engine)

    def one_after_another(out: Path) -> None:
        torch.set_num_threads(cores)
        for path in images:
            write_png(out / path.name, enlarge(network, read_picture(path).pixels, info.data_range))

    ways: dict[str, Way] = {
        ESR: partial(side_by_side, "auto"),
        BY_PYTORCH: partial(side_by_side, "pytorch"),
        BEFORE: one_after_another,
    }
    for name, engine in ENGINES.items():
        if missing(name):
            print(f"{name}: {', '.join(missing(name))} of {', '.join(PACKAGES[name])} not installed")
            continue
        run = engine(load_network(weights)[0], folder, cores)
        ways[name] = partial(plain_loop, run, info.data_range, images)
    return ways


def chosen_engine(weights: Path, images: Sequence[Path]) -> str:
    """What `esr upscale` computes these images by."""
    network, info = load_network(weights)
    pixels = sum(read_picture(path).pixels[..., 0].size for path in images)
    return choose_engine("auto", network, info.data_range, pixels, trusted=True).name


def plain_loop(run: Run, data_range: float, images: Sequence[Path], out: Path) -> None:
    """Read, run, clamp, round, write: one image after another."""
    for path in images:
        x = read(path).transpose(2, 0, 1)[None].astype(np.float32) * np.float32(data_range / 255)
        y = run(np.ascontiguousarray(x))[0].transpose(1, 2, 0)
        write(out / path.name, (y.clip(0, data_range) * np.float32(255 / data_range)).round().astype(np.uint8))


def read(path: Path) -> Any:
    """uint8 RGB, HWC."""
    return cv2.imread(str(path))[..., ::-1] if cv2 else np.asarray(Image.open(path).convert("RGB"))


def write(path: Path, image: Any) -> None:
    """By the defaults."""
    if cv2:
        cv2.imwrite(str(path), image[..., ::-1])
    else:
        Image.fromarray(image).save(path)


def take_turns(
    ways: dict[str, Way], folder: Path, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of every pass by the wall clock and by the processor: two passes a round, there and back."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    orders = random.Random(0)
    for _ in range(rounds):
        order = orders.sample(list(ways), len(ways))
        for name in [*order, *reversed(order)]:
            began, before = time.perf_counter(), time.process_time()
            ways[name](folder / name)
            seconds[name].append(time.perf_counter() - began)
            processor[name].append(time.process_time() - before)
    return seconds, processor


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> dict[str, Any]:
    """Their time over ours, round by round: how many times as fast ours is."""
    pairs = zip(theirs[::2], theirs[1::2], ours[::2], ours[1::2], strict=True)
    ratios = [(there + back) / (our + again) for there, back, our, again in pairs]
    if len(ratios) < 2:
        return {"esr_is_times_as_fast": round(ratios[0], 3)}
    found = median_interval(ratios)
    return {"esr_is_times_as_fast": [round(each, 3) for each in (found.value, found.low, found.high)]}


def difference(theirs: Path, ours: Path) -> dict[str, float]:
    """The largest difference of what was written, and the share of the samples that differ."""
    largest, differ, count = 0, 0, 0
    for path in sorted(ours.iterdir()):
        apart = np.abs(read(path).astype(int) - read(theirs / path.name).astype(int))
        largest, differ, count = max(largest, int(apart.max())), differ + int((apart > 0).sum()), count + apart.size
    return {"largest_difference": largest, "share_that_differs": round(differ / count, 6)}


def show(name: str, found: dict[str, Any]) -> None:
    """A table for people."""
    print(f"\n{name}\n{'way':24} {'images/s':>9} {'CPU s/image':>12} {'esr faster by':>24} {'differs by':>11}")
    for way, each in found.items():
        times = str(each["esr_is_times_as_fast"])
        print(
            f"{way:24} {each['images_per_second']:9.2f} {each['processor_seconds_per_image']:12.3f} {times:>24}"
            f" {each['largest_difference']:11}",
            flush=True,
        )


if __name__ == "__main__":
    main()
