"""What kills and damage do to a whole run: the one command goes on, and the bytes are those of an undisturbed run.

::

    python benchmarks/faults.py --kills 100            # of the tiny pipeline of the tests
    python benchmarks/faults.py --kills 20 --demo      # of the demo, for hours
    python benchmarks/faults.py --kills 20 --undisturbed FOLDER --edited   # what one edit makes stale
    python benchmarks/faults.py --damage               # a byte flipped, a full disk, a clock set back, two people

A kill is SIGKILL, at a random moment, to a stage, to Snakemake, to DVC, to `make run`, or to all of them. What is
started next is the command that the docs name, `make run` (here and there `dvc repro`), while orphans of the killed run
may still work. When a run ends well, every weights file and curve is held against those of a run that nobody disturbed,
both drivers must find nothing to do, and nothing may write any more.
"""

import argparse
import random
from pathlib import Path
from tempfile import TemporaryDirectory

from fault_damage import damages
from fault_kills import Kills, Pipeline
from records import write_record


def main() -> None:
    """Do what is asked for, print it, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--demo", action="store_true", help="the demo as it stands, in place of the tiny pipeline")
    parser.add_argument("--damage", action="store_true")
    parser.add_argument(
        "--undisturbed", type=Path, help="a project of the same rows that ran undisturbed; else it is made"
    )
    parser.add_argument("--edited", action="store_true", help="what an edit of one row of that project makes stale")
    parser.add_argument("--seconds", type=float, help="start no further run after so many seconds")
    parser.add_argument("--mean", type=float, help="seconds from one kill to the next, on average")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="faults-") as folder:
        pipeline = Pipeline.prepared(Path(folder), asked.demo, asked.undisturbed)
        pipeline = pipeline.edited() if asked.edited else pipeline
        if asked.kills:
            kills = Kills(pipeline, random.Random(asked.seed), asked.mean or (120.0 if asked.demo else 12.0))
            name = "kills-of-the-demo" if asked.demo else "kills"
            print(write_record(name, __doc__ or "", kills.until(asked.kills, asked.seconds)))
        if asked.damage:
            print(write_record("damage", __doc__ or "", damages(pipeline)))


if __name__ == "__main__":
    main()
