"""What a GPU shows: is training on it right and fast, how long do networks take, and what does an hour of it learn?

    python benchmarks/gpu.py                             # the whole, an hour or two of a current GPU
    python benchmarks/gpu.py --part fast --minutes 9     # what fits; the same command goes on where it stopped
    python benchmarks/gpu.py --part none --record        # only tell and record what was measured, on any machine
    python benchmarks/gpu.py --rehearse --part all       # next to nothing of everything, on any machine

Each step is a process of its own, and writes every value into ``--results`` as soon as it has it. Nothing is installed.
docs/gpu.md says what to expect, and what to bring along where a machine has no network.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from on_gpu.notes import read, write
from on_gpu.plan import PARTS, Step, steps_of
from on_gpu.shortfalls import told
from records import machine, versions, write_record

ROOT = Path(__file__).resolve().parents[1]
GRACE = 20.0  # seconds in which a step that is asked to stop may save what it has
PACKAGES = ("python", "torch", "numpy", "pydantic", "triton", "opencv-python-headless", "nvidia-ml-py", "pytest")
PYTHON = f"cp{sys.version_info.major}{sys.version_info.minor}"


def main() -> None:
    """Run the steps that are not done, tell what falls short, and write the record where one is asked for."""
    given = arguments()
    begun = time.monotonic()
    for part in PARTS if given.part == "all" else [given.part] if given.part != "none" else []:
        begin_part(part, given)
        for step in left(part, given):
            minutes = given.minutes - (time.monotonic() - begun) / 60
            if minutes < min(step.minutes, given.minutes * 0.95) and not given.rehearse:
                print(f"{part}: {step.key} is left for the next call, with {minutes:.1f} of {step.minutes:g} minutes")
                continue
            run(step, given, 60 * minutes)
    contents = {part: read(given.results / f"{part}.json") for part in PARTS}
    contents = {part: content for part, content in contents.items() if content}
    print("\n".join(told(contents)))
    if given.record:
        print(record(contents))


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=[*PARTS, "all", "none"], default="all")
    parser.add_argument("--only", nargs="+", metavar="STEP", help="steps of the part, such as 'table slimrlfn'")
    parser.add_argument("--minutes", type=float, default=600, help="no step begins that would take longer in all")
    parser.add_argument("--train-minutes", type=float, help="of the real training, in one call or several")
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "esr-gpu-results")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "esr-gpu-work")
    parser.add_argument("--luggage", type=Path, default=ROOT / "luggage", help="what benchmarks/gpu_luggage.sh packed")
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes; numbers mean nothing")
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/DATE-gpu.json")
    given = parser.parse_args()
    given.results, given.work, given.luggage = given.results.resolve(), given.work.resolve(), given.luggage.resolve()
    if unknown := set(given.only or ()) - {step.key for step in steps_of(given.part)}:
        parser.error(
            f"--part {given.part} has no step {', '.join(sorted(unknown))}; name one of "
            f"{', '.join(step.key for step in steps_of(given.part))}"
        )
    return given


def environment(given: argparse.Namespace) -> dict[str, str]:
    """Of the steps: esr as it lies here comes first, then what was brought along for this Python."""
    places = [ROOT, ROOT / "benchmarks", given.luggage / f"site-{PYTHON}", os.environ.get("PYTHONPATH")]
    more = {"TORCHDYNAMO_DISABLE": "1"} if given.rehearse else {}  # a rehearsal need not wait for compilers
    return {**os.environ, "PYTHONPATH": os.pathsep.join(str(place) for place in places if place), **more}


def begin_part(part: str, given: argparse.Namespace) -> None:
    """Note the machine; refuse to go on with what another machine or a rehearsal has left."""
    path = given.results / f"{part}.json"
    content = read(path)
    here = {"rehearsed": given.rehearse, "machine": machine(), "versions": versions(*PACKAGES)}
    about = content.get("about", here)
    if given.rehearse != about["rehearsed"]:
        sys.exit(f"gpu.py: a rehearsal and real numbers do not mix; name another --results than {given.results}")
    if not gpu_of(here) and not given.rehearse:
        sys.exit("gpu.py: nvidia-smi names no GPU here; give --rehearse to try everything at a tiny size")
    if gpu_of(here) != gpu_of(about):
        sys.exit(f"gpu.py: {path} is of {gpu_of(about)}, and here is {gpu_of(here)}; name another --results")
    write(path, {"steps": {}, **content, "about": about})


def gpu_of(about: dict[str, Any]) -> str:
    """The GPU's name, without the driver's version, which may change between two calls."""
    return str(about["machine"].get("gpu", "")).partition(",")[0]


def left(part: str, given: argparse.Namespace) -> list[Step]:
    """The steps that were named, whose failed values are tried again; else those not at their end, failed ones last."""
    if given.only:
        return [step for step in steps_of(part) if step.key in given.only]  # in the order of the plan
    steps = read(given.results / f"{part}.json")["steps"]
    unfinished = [step for step in steps_of(part) if "finished" not in steps.get(step.key, {})]
    return sorted(unfinished, key=lambda step: bool(steps.get(step.key, {}).get("failed")))


def run(step: Step, given: argparse.Namespace, seconds: float) -> None:
    """Run a step in a process group of its own; when its time is over it is asked to stop, then killed."""
    print(f"{step.part}: {step.key}", flush=True)
    options = [str(given.results), str(given.work), str(given.luggage), str(given.train_minutes or "")]
    command = [sys.executable, "-m", "on_gpu", step.part, step.key, *options, "rehearse" if given.rehearse else ""]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(given), start_new_session=True)
    code: int | None = None
    try:
        code = process.wait(max(seconds, GRACE))
    except subprocess.TimeoutExpired:
        print("  its time is over; what it has measured is kept, and the same command goes on", flush=True)
    finally:
        end(process)
    if code:
        print(f"  ended with code {code}; the other steps go on", file=sys.stderr, flush=True)


def end(process: "subprocess.Popen[Any]") -> None:
    """Ask a process to end, wait a little, and end what is left of its group."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def record(contents: dict[str, dict[str, Any]]) -> Path:
    """Everything that was measured, with the machine that measured it, and what falls short."""
    rehearsed = any(content["about"]["rehearsed"] for content in contents.values())
    if rehearsed or not contents:
        sys.exit("gpu.py: there is nothing to record but a rehearsal; run it on a GPU without --rehearse")
    about = next(iter(contents.values()))["about"]
    return write_record("gpu", __doc__ or "", {"told": told(contents), **contents}, measured_on=about)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("gpu.py: stopped; the same command goes on")
