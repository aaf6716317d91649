"""Execution modes of deploy forms, side by side: each network by itself, its modes in turn.

    python benchmarks/modes.py --record                    # of four networks
    python benchmarks/modes.py span --size 256x256         # of others, and on another size

Weights are random: time does not depend on them, but a mode's difference to fp32 does, and is that of these weights.
End other programs first; the record says what load there was.
"""

import argparse
from pathlib import Path
from typing import Any

from records import write_record

from esr.evaluation.benchmark_file import Subject, measure_modes
from esr.evaluation.complexity_table import sides
from esr.evaluation.modes_text import ceiling_json, print_modes
from esr.recipes.scale import Measuring
from esr.timing.device import choose_device

WHAT = (
    "Execution modes of deploy forms with random weights, in turn in one session per network: milliseconds of every"
    " pass, each mode's ratio to eager contiguous, how near it comes to what the layers would take in fp32 at the"
    " ceiling that was measured, and how far its output lies from that of fp32, in levels of 255."
)
NETWORKS = ("slimrlfn", "rlfn", "r2net", "ifadnet")


def main() -> None:
    """Measure, print a table per network, and write the record where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("networks", nargs="*", default=NETWORKS, metavar="NETWORK", help="of esr/networks")
    parser.add_argument("--size", default="135x240", help="height and width of the image in LR px")
    parser.add_argument("--seconds", type=float, default=60, help="of a network's rounds, at most")
    parser.add_argument("--device", help="cpu, cuda or cuda:N; a GPU if there is one")
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/DATE-modes-DEVICE.json")
    options = parser.parse_args()
    rule = Measuring(sizes=[sides(options.size)], seconds=options.seconds, narrow=0.002)
    device = choose_device(options.device)
    results: dict[str, Any] = {}
    for name in options.networks:
        compared = measure_modes([Subject(Path(f"esr/networks/{name}.py"))], rule, device)
        print_modes(compared)
        results[name] = ceiling_json(compared[name][0])
    if options.record:
        print(write_record(f"modes-{device.type}", WHAT, results))


if __name__ == "__main__":
    main()
