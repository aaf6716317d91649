"""The teams' networks, loaded by their own code and counted, beside what the organisers print and fvcore counts.

::

    python benchmarks/challenge_networks.py CHECKOUT... [--more]

CHECKOUT is a clone of an organisers' repository: ofsoundof/NTIRE2023_ESR, Amazingren/NTIRE2024_ESR, NTIRE2025_ESR,
NTIRE2026_ESR. It runs the teams' code, each network in a confined process of its own: that code may read what you may
read. Where the organisers print something else than esr counts, their counter since 2024, fvcore, runs on the network,
in a second process. Packages that a team needs and that are not installed are the reason why its network has no counts.
With --more the newest record's counts are taken over, and only networks without one are tried.
The record is written after every checkout. Nothing is timed. `python docs/tools/record_tables.py` shows it in
docs/challenge.md.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from records import FOLDER, versions, write_record

from esr.challenge.checkout import year_of
from esr.challenge.confinement import confine
from esr.challenge.select_model import read_loader
from esr.challenge.stranger import loaded
from esr.challenge.strangers import Stranger, count_strangers
from esr.common.errors import on_one_line

COUNT = "--count-with-fvcore"
PACKAGES = (
    "einops",
    "timm",
    "torchvision",
    "basicsr",
    "mamba-ssm",
    "mmcv",
    "mmcv-lite",
    "huggingface-hub",
    "thop",
    "fvcore",
)
LONGEST = 600  # s for a count with fvcore


def main() -> None:
    """Count every network of every checkout, and write a record, by year."""
    if sys.argv[1:2] == [COUNT]:
        count_with_fvcore(Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=Path, nargs="+", metavar="CHECKOUT")
    parser.add_argument("--more", action="store_true", help="keep the counts of the newest record")
    asked = parser.parse_args()
    newest = max(FOLDER.glob("*-challenge-networks.json"))
    results: dict[str, Any] = json.loads(newest.read_text())["results"] if asked.more else {}
    results["packages"] = results.get("packages", {}) | versions(*PACKAGES)
    for checkout in asked.checkouts:
        year = str(year_of(checkout))
        results[year] = counted(checkout, results.get(year))
        print(write_record("challenge-networks", __doc__ or "", results), flush=True)


def counted(checkout: Path, former: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Every network of a checkout, in the loader's order; one that ``former`` has counts of keeps these."""
    numbers = [branch.number for branch in read_loader(checkout)]
    kept = former or [{"counted": None}] * len(numbers)
    lacking = {number for number, each in zip(numbers, kept, strict=True) if not each["counted"]}
    tried = iter(count_strangers(checkout, ",".join(map(str, sorted(lacking)))).networks if lacking else ())
    return [
        described(checkout, number, next(tried)) if number in lacking else each
        for number, each in zip(numbers, kept, strict=True)
    ]


def described(checkout: Path, number: int, stranger: Stranger) -> dict[str, Any]:
    """A network's counts: esr's, fvcore's by operator where it is asked, and the organisers'."""
    printed, counted = stranger.printed, stranger.complexity
    differs = bool(printed and counted and printed.flops and printed.flops != counted.flops / 1e9)
    return {
        "name": stranger.name,
        "reason": stranger.reason.replace(str(checkout.resolve()), checkout.name).replace(sys.prefix, "python"),
        "counted": asdict(counted) if counted else None,
        "fvcore": fvcore_process(checkout.resolve(), number) if differs else None,
        "printed": {
            "parameters_m": printed.num_parameters,
            "flops_g": printed.flops,
            "activations_m": printed.activations,
            "convs": printed.num_conv,
        }
        if printed
        else None,
    }


def fvcore_process(checkout: Path, number: int) -> dict[str, Any]:
    """What a confined process counts."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, __file__, COUNT, str(checkout), str(number), folder]
        try:
            subprocess.run(
                command,
                env={**os.environ, "HOME": folder, "TMPDIR": folder},
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=LONGEST,
            )
            found: dict[str, Any] = json.loads((Path(folder) / "found.json").read_text())
        except (subprocess.TimeoutExpired, OSError, ValueError) as error:
            return {"reason": on_one_line(error)}
    return found


def count_with_fvcore(checkout: Path, number: int, folder: Path) -> None:
    """Write FOLDER/found.json: the operations at 256 x 256 in sum and by operator, or the reason why there are none."""
    confine(folder)
    import torch
    from fvcore.nn import FlopCountAnalysis

    try:
        network, *_ = loaded(checkout, number, torch.device("cpu"))
        with torch.no_grad():
            analysis = FlopCountAnalysis(network.eval(), torch.rand(1, 3, 256, 256))
            by_operator = {name: int(count) for name, count in analysis.by_operator().items()}
            found: dict[str, Any] = {"flops": int(analysis.total()), "by_operator": by_operator}
    except BaseException as error:
        found = {"reason": on_one_line(error)}
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
