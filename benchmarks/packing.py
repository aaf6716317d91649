"""How long a folder of photographs takes to become a training set, ours against BasicSR's, and how large it is then.

    python benchmarks/packing.py --basicsr ../BasicSR      # needs opencv-python-headless, lmdb, tqdm beside esr

BasicSR's way is its own two scripts for DIV2K: overlapping sub-images as PNG, then LMDB. Ours is the stages
``download`` (of a folder at hand: describe and hash every image) and ``crop``. Each runs in a process of its own,
so that its processor time and its largest memory are known; rounds alternate.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import basicsr_tools
from photographs import make_photographs
from records import write_record

from esr.packed.crop import crop
from esr.recipes.rows import Crop, Download
from esr.recipes.scale import DataRule
from esr.sources.download import download

CORES = len(os.sched_getaffinity(0))
SCRIPTS = "seconds.json"


def ours(folder: Path, out: Path, lr: bool) -> None:
    """The two stages, with the LR images as they come or made by bicubic."""
    row = Download(use="training", folder=str(folder / "hr"), lr_folder=str(folder / "lr") if lr else None)
    download(row, DataRule(stand_in=False, only_source=None), "photographs", out / "source/manifest.json")
    crop(
        Crop(source="photographs"),
        out / "source/manifest.json",
        out / "set/manifest.json",
        out / "set/images.store",
    )


def basicsr(folder: Path, out: Path, checkout: Path) -> None:
    """Its two scripts."""
    basicsr_tools.enter(checkout)
    began = time.monotonic()
    basicsr_tools.extract_sub_images(folder, out / "sub", CORES)
    between = time.monotonic()
    basicsr_tools.make_lmdb(out / "sub", out / "lmdb")
    scripts = {"sub_images_wall_s": between - began, "lmdb_wall_s": time.monotonic() - between}
    (out / SCRIPTS).write_text(json.dumps(scripts))


def measured(way: str, folder: Path, checkout: Path | None) -> dict[str, float]:
    """Run one way in a process of its own: wall and processor seconds, largest process, bytes on disk."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [sys.executable, __file__, "--way", way, "--folder", str(folder), "--out", out]
        began = time.monotonic()
        process = subprocess.Popen(
            [*command, *(["--basicsr", str(checkout)] if checkout else [])],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        if status:
            raise SystemExit(f"{way} failed; run it alone: {' '.join(command)}")
        scripts = json.loads((Path(out) / SCRIPTS).read_text()) if (Path(out) / SCRIPTS).exists() else {}
        size = sum(path.stat().st_size for path in Path(out).rglob("*") if path.is_file() and not path.is_symlink())
        return {
            "wall_s": round(wall, 2),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
            "largest_process_mb": round(usage.ru_maxrss / 1024),
            "disk_mb": round(size / 1e6, 1),
            **{name: round(seconds, 2) for name, seconds in scripts.items()},
        }


def compare(folder: Path, images: int, rounds: int, checkout: Path | None) -> None:
    """Alternate the ways, print the ratios and write the record."""
    make_photographs(folder, images)
    ways = ["ours", "ours, LR by bicubic", *(["BasicSR"] if checkout else [])]
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            runs[way].append(measured(way, folder, checkout))
            print(f"{way:20} {json.dumps(runs[way][-1])}", flush=True)
    medians = {
        way: {key: statistics.median(run[key] for run in found) for key in found[0]} for way, found in runs.items()
    }
    ratios = {}
    for way in ways[:2] if checkout else []:
        ratios[way] = {
            key: round(medians["BasicSR"][key] / medians[way][key], 1) for key in ("wall_s", "cpu_s", "disk_mb")
        }
        print(f"BasicSR / {way}: {json.dumps(ratios[way])}")
    what = (
        f"{images} photographs of 1024x768 with their LR images as PNG become a training set. BasicSR: "
        f"extract_subimages.py (480/240, {CORES} processes), then create_lmdb.py. Ours: the stages download and crop. "
        "Medians; cpu_s counts all processes; disk_mb counts what is written, sub-images and LMDB together."
    )
    print(write_record("packing", what, {"medians": medians, "BasicSR_over_ours": ratios, "runs": runs}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--basicsr", type=Path, help="checkout of BasicSR")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "esr-benchmark")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way == "BasicSR":
        basicsr(arguments.folder, arguments.out, arguments.basicsr)
    elif arguments.way:
        ours(arguments.folder, arguments.out, lr=arguments.way == "ours")
    else:
        compare(arguments.folder, arguments.images, arguments.rounds, arguments.basicsr)
        shutil.rmtree(arguments.folder / "originals", ignore_errors=True)
