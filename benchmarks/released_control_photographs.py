"""Make the folder of photographs that released_control.py's records with larger patches were made on.

    python benchmarks/released_control_photographs.py FOLDER... --to SET

In the FOLDERs, at any depth, lie clones of the repositories and the unpacked Debian packages that
``records/2026-11-23-released-control-photographs.csv`` names (``dpkg-deb -x PACKAGE.deb FOLDER``). A file is known by
its SHA-256, wherever it lies. Each is shrunk by Pillow's LANCZOS to the size that the list gives, as DIV2K's
photographs were shrunk, and written to SET as PNG.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from records import FOLDER

from esr.common.files import sha256_of
from esr.images.image_files import write_png
from esr.images.pillow_limit import lift_pillows_limit

LISTED = FOLDER / "2026-11-23-released-control-photographs.csv"


def main() -> None:
    """Find every listed file, and only then write any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--to", required=True, type=Path, metavar="SET")
    asked = parser.parse_args()
    with LISTED.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = by_hash(asked.folders, {Path(row["file"]).suffix for row in rows})
    if missing := [f"{row['file']} of {row['from']}" for row in rows if row["sha256 of the file"] not in found]:
        sys.exit("not in these folders: " + ", ".join(missing))
    asked.to.mkdir(parents=True, exist_ok=True)
    lift_pillows_limit()
    for row in rows:
        shrink(found[row["sha256 of the file"]], (int(row["width"]), int(row["height"])), asked.to / row["name"])


def by_hash(folders: list[Path], suffixes: set[str]) -> dict[str, Path]:
    """The files of these kinds by their SHA-256."""
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in suffixes and path.is_file()]
    return {sha256_of(path): path for path in files}


def shrink(photograph: Path, size: tuple[int, int], to: Path) -> None:
    """Write it in RGB at a size of (width, height)."""
    with Image.open(photograph) as image:
        write_png(to, np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS)))


if __name__ == "__main__":
    main()
