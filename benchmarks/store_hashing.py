"""What it costs to know the md5 of a store: taken while the store is packed, or by reading the store.

    python benchmarks/store_hashing.py --images 1200

Rounds alternate: the stage ``crop`` as it is, the same without its md5, and a reading of the store as a receipt or DVC
would do it. The store is in the system's cache where memory holds it; one that is not comes at the disk's speed.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from photographs import make_photographs
from records import write_record

from esr.common.files import md5_of
from esr.packed import running_md5
from esr.packed.crop import crop
from esr.recipes.rows import Crop, Download
from esr.recipes.scale import DataRule
from esr.sources.download import download


def seconds(action: Callable[[], object]) -> float:
    """Wall time of a call."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="for photographs and stores; a temporary one if not given")
    parser.add_argument("--images", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        folder = Path(scratch)
        source, store = folder / "source/manifest.json", folder / "set/images.store"
        make_photographs(folder, arguments.images)
        row = Download(use="training", folder=str(folder / "hr"), lr_folder=str(folder / "lr"))
        download(row, DataRule(stand_in=False, only_source=None), "photographs", source)

        def pack() -> None:
            shutil.rmtree(store.parent, ignore_errors=True)
            crop(Crop(source="photographs"), source, store.with_name("manifest.json"), store)

        def pack_without() -> None:
            with patch.object(running_md5.RunningMd5, "take"), patch.object(running_md5.RunningMd5, "end"):
                pack()

        times: dict[str, list[float]] = {"packing, with the md5": [], "packing, without": [], "reading the store": []}
        for _ in range(arguments.rounds):
            times["packing, with the md5"].append(seconds(pack))
            times["packing, without"].append(seconds(pack_without))
            times["reading the store"].append(seconds(lambda: md5_of(store)))
        results = {
            "store_bytes": store.stat().st_size,
            "seconds": times,
            "medians_s": {way: round(statistics.median(rounds), 1) for way, rounds in times.items()},
        }
    print(results, write_record("store_hashing", " ".join(str(__doc__).split()), results))


if __name__ == "__main__":
    main()
