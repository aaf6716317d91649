"""What kills and damage do to a whole run: the one command goes on, and the bytes are those of an undisturbed run.

::

    python benchmarks/faults.py --kills 100            # of the tiny pipeline of the tests
    python benchmarks/faults.py --kills 20 --demo      # of the demo, for hours
    python benchmarks/faults.py --kills 20 --edited    # of the tiny pipeline, finished, after an edit of one row
    python benchmarks/faults.py --kills 20 --slurm     # of the tiny pipeline as jobs of a Slurm on this machine
    python benchmarks/faults.py --damage               # flipped bytes, full disks, a clock set back, two people, ...

A kill is SIGKILL, at a random moment, to a stage, to Snakemake, to DVC, to `make run`, to a job of Slurm, or to all of
them; two of three are aimed at a stage that is at work. What is started next is the command that the docs name,
`make run` (here and there `dvc repro`), while orphans of the killed run may still work. When a run ends well, every
weights file and curve is held against those of a run that nobody disturbed, both drivers must find nothing to do, and
nothing may write any more.

Kills are collected in sittings. Ctrl-C, SIGTERM or `--seconds` end one; the same command goes on with the same pipeline
until there are as many kills as `--kills` says, in all. What there is lies in `.esr/faults`, or in `--place`, and the
record has a line for each kill. Where that folder is gone, `--former` names the record of the sittings before; of a
record of damages it keeps the cases that are not looked at again.
"""

import argparse
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fault_damage import damages
from fault_events import Events
from fault_kills import Kills
from fault_pipeline import ROOT, Pipeline
from fault_slurm import Jobs, on_slurm, refuse_without_slurm
from records import write_record

from esr.common.lock import at_once


def main() -> None:
    """Do what is asked for, print it, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=0, help="how many the record shall have, former sittings included")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--demo", action="store_true", help="the demo as it stands, in place of the tiny pipeline")
    which.add_argument(
        "--edited", action="store_true", help="what an edit of one row of a finished project makes stale"
    )
    which.add_argument("--slurm", action="store_true", help="the stages are jobs of a Slurm on this machine")
    parser.add_argument("--former", type=Path, nargs="+", default=[], help="records that the new one goes on from")
    parser.add_argument("--damage", action="store_true")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="damages in whose name one of these is")
    parser.add_argument(
        "--undisturbed", type=Path, help="a project of the same rows and code that ran undisturbed; else it is made"
    )
    parser.add_argument("--place", type=Path, default=ROOT / ".esr/faults", help="where projects and kills are kept")
    parser.add_argument("--seconds", type=float, help="end the sitting after so many")
    parser.add_argument("--mean", type=float, help="seconds to wait for a kill, on average")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if asked.slurm:
        refuse_without_slurm()
    place = asked.place.resolve() / ("demo" if asked.demo else "tiny")
    place.mkdir(parents=True, exist_ok=True)
    with at_once(place / "sitting.lock") as alone:
        if not alone:
            raise SystemExit(f"another sitting is at work in {place}; wait for it, or name another --place")
        _sit(asked, place)


def _sit(asked: argparse.Namespace, place: Path) -> None:
    pipeline = Pipeline.prepared(place, asked.demo, asked.undisturbed and asked.undisturbed.resolve())
    if asked.kills:
        _kill(asked, pipeline.edited() if asked.edited else pipeline)
    if asked.damage:
        _damage(pipeline, asked.only, asked.former)


def _damage(pipeline: Pipeline, only: list[str], former: list[Path]) -> None:
    """Write the record after each case, so that a later one cannot take it along."""
    seen = {case["damage"]: case for path in former for case in json.loads(path.read_text())["results"]}
    name = "damage-some" if only and not former else "damage"
    path: Path | None = None
    for case in damages(pipeline, only):
        seen[case["damage"]] = case
        print(case, flush=True)
        path = write_record(name, __doc__ or "", list(seen.values()))
    print(path or f"no damage has {' or '.join(only)} in its name")


def _kill(asked: argparse.Namespace, pipeline: Pipeline) -> None:
    former = [json.loads(path.read_text())["results"] for path in asked.former]
    name = next((f"kills-{word}" for word in ("demo", "edited", "slurm") if getattr(asked, word)), "kills")
    pipeline = replace(pipeline, place=pipeline.place / name)
    pipeline.place.mkdir(exist_ok=True)
    events = Events(pipeline.place / "events.jsonl", former)
    try:
        with _drivers(pipeline, asked.slurm) as (driven, jobs):
            mean = asked.mean or (120.0 if asked.demo else 12.0)
            Kills(driven, events, asked.seed, mean, jobs).until(asked.kills, asked.seconds)
    except KeyboardInterrupt:
        print("the same command goes on from here")
    finally:
        print(write_record(name, __doc__ or "", events.summary()))


@contextmanager
def _drivers(pipeline: Pipeline, slurm: bool) -> Iterator[tuple[Pipeline, Jobs | None]]:
    """The pipeline as it is driven, and its jobs, where it has any."""
    if not slurm:
        yield pipeline, None
        return
    with on_slurm(pipeline) as (driven, jobs):
        yield driven, jobs


if __name__ == "__main__":
    main()
