"""How long it takes to write an enlarged image as a PNG, and how large the file is, by esr's two writers and by others.

::

    PYTHONPATH=ENGINES python benchmarks/png_writing.py --images LR_FOLDER --record

The images are enlarged four times by bicubic first. The ways take turns, image by image; a ratio is of the medians over
rounds. OpenCV takes part where it is installed (``benchmarks/engines.py``), as the challenge's script writes by it.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from records import write_record

from esr.images.bicubic import upscale
from esr.images.image_files import list_images, read_rgb, write_png
from esr.images.quick_png import write_png_quickly

try:
    import cv2
except ImportError:
    cv2 = None

Way = Callable[[Path, Any], object]
QUICK = "write_png_quickly"
WAYS: dict[str, Way] = {
    QUICK: write_png_quickly,
    "write_png": write_png,
    "Pillow, by its defaults": lambda path, image: Image.fromarray(image).save(path),
}
if cv2:
    WAYS["OpenCV, by its defaults"] = lambda path, image: cv2.imwrite(str(path), image[..., ::-1])


def main() -> None:
    """Measure, print, and write the record where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder of LR images")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    results = measure([upscale(read_rgb(path)) for path in list_images(options.images)], options.rounds)
    for name, found in results["ways"].items():
        print(f"{name:24} {found}")
    if options.record:
        print(write_record("png-writing", __doc__ or "", results))


def measure(images: Sequence[Any], rounds: int) -> dict[str, Any]:
    """Every way's processor time per image, bytes, and both beside the quick writer's."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    sizes = dict.fromkeys(WAYS, 0)
    with TemporaryDirectory() as made:
        for _ in range(rounds):
            spent = dict.fromkeys(WAYS, 0.0)
            for image in images:
                for name, way in WAYS.items():
                    spent[name] += timed(way, Path(made) / f"{name}.png", image)
            for name in WAYS:
                seconds[name].append(spent[name])
        for image in images:
            for name, way in WAYS.items():
                way(path := Path(made) / f"{name}.png", image)
                assert np.array_equal(read_rgb(path), image)
                sizes[name] += path.stat().st_size
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    return {
        "images": len(images),
        "megapixels": round(sum(image[..., 0].size for image in images) / 1e6, 3),
        "ways": {
            name: {
                "milliseconds_each": round(1e3 * middle[name] / len(images), 2),
                "times_as_long": round(middle[name] / middle[QUICK], 2),
                "bytes": sizes[name],
                "times_as_large": round(sizes[name] / sizes[QUICK], 3),
            }
            for name in WAYS
        },
    }


def timed(way: Way, path: Path, image: Any) -> float:
    """Processor seconds of one write."""
    before = time.process_time()
    way(path, image)
    return time.process_time() - before


if __name__ == "__main__":
    main()
