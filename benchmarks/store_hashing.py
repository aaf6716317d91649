"""What it costs to know the md5 of a store: taken while the store is packed, or by reading the store.

    python benchmarks/store_hashing.py --images 400 --copies 3

Rounds alternate: the stage ``crop`` as it is, the same without its md5, and one reading of the store, as a receipt and
DVC would do without what the stage remembers. The store is in the system's cache where memory holds it.
"""

import argparse
import os
import resource
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


def cost(action: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of a call, with the processes that it starts."""
    began, used = time.monotonic(), processor_seconds()
    action()
    return time.monotonic() - began, processor_seconds() - used


def processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def link_copies(photographs: Path, folder: Path, copies: int) -> None:
    """Have each photograph lie in ``folder`` several times, so that a large set needs few photographs."""
    for kind in ("hr", "lr"):
        (folder / kind).mkdir()
        for file in (photographs / kind).iterdir():
            for copy in range(copies):
                os.link(file, folder / kind / f"{copy}{file.name}")


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir(), "store_hashing"))
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    make_photographs(arguments.folder, arguments.images)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        folder = Path(scratch)
        source, store = folder / "source/manifest.json", folder / "set/images.store"
        link_copies(arguments.folder, folder, arguments.copies)
        row = Download(use="training", folder=str(folder / "hr"), lr_folder=str(folder / "lr"))
        download(row, DataRule(stand_in=False, only_source=None), "photographs", source)

        def pack() -> None:
            shutil.rmtree(store.parent, ignore_errors=True)
            crop(Crop(source="photographs"), source, store.with_name("manifest.json"), store)

        def pack_without() -> None:
            with patch.object(running_md5.RunningMd5, "take"), patch.object(running_md5.RunningMd5, "end"):
                pack()

        ways = {"packing": pack, "packing without md5": pack_without, "reading": lambda: md5_of(store)}
        costs: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(arguments.rounds):
            for way, action in ways.items():
                costs[way].append(cost(action))
        results = {"store_bytes": store.stat().st_size, "ways": {way: medians(found) for way, found in costs.items()}}
    print(results, write_record("store_hashing", " ".join(str(__doc__).split()), results))


def medians(costs: list[tuple[float, float]]) -> dict[str, float]:
    """The medians of wall and of processor seconds."""
    wall, processor = zip(*costs, strict=True)
    return {"wall_s": round(statistics.median(wall), 2), "processor_s": round(statistics.median(processor), 2)}


if __name__ == "__main__":
    main()
