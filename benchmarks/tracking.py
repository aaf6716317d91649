"""What tracking costs a stage, and what the mirror costs the machine.

    python benchmarks/tracking.py

The stage's side is what the stage waits for, with a store that works and with a server that never answers. The
mirror's side is processor time of its own process, at the lowest priority, over a made run of 30 stages.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
from records import write_record

from esr.common.lock import is_held
from esr.tracking.journal import Head, Journal, journal_path
from esr.tracking.mirror import drain, ensure_mirror, log_of, tracking_uri

POINTS = 200
REPEATS = 15


def head(number: int) -> Head:
    """As large as a real one: an entry of 14 rows, 30 inputs."""
    row = {f"column-{column}": 0.125 * column for column in range(20)}
    return {
        "entry": "made",
        "recipe": "0" * 16,
        "rows": {"scale": {"data": {"stand_in": True}}, "finetune": {f"made-{other}": row for other in range(14)}},
        "scale": "demo",
        "kind": "finetune",
        "key": f"made-{number}",
        "order": number,
        "exclusive": False,
        "params": {f"finetune.made-{number}": row},
        "tags": {f"md5 esr/file_{other}.py": "0" * 32 for other in range(30)},
    }


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def import_ms() -> dict[str, float]:
    """What the imports add to an interpreter that has loaded what every stage loads anyway, and mlflow's for scale."""
    found = {}
    for name, module in (("esr.tracking", "esr.tracking.journal, esr.tracking.mirror"), ("mlflow", "mlflow")):
        code = "import esr.recipes.graph, esr.recipes.read, time; begun = time.perf_counter()\n"
        code += f"import {module}\nprint(time.perf_counter() - begun)"
        runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(5)]
        found[name] = round(1000 * statistics.median(float(run.stdout) for run in runs), 1)
    return found


def start_ms() -> float:
    """``ensure_mirror`` where no mirror lives; returns when one does."""
    taken = seconds(ensure_mirror)
    while not is_held(log_of(tracking_uri())):
        time.sleep(0.01)
    return round(1000 * taken, 2)


def stage_ms(first: int) -> dict[str, float]:
    """Medians over stages: opening a journal, finding the mirror, a point of three metrics, closing."""
    taken: dict[str, list[float]] = {"open": [], "find_mirror": [], "point": [], "close": []}
    for number in range(first, first + REPEATS):
        path = journal_path("demo", "finetune", f"made-{number}", "0" * 16)
        begun = time.perf_counter()
        journal = Journal(path, head(number))
        taken["open"].append(time.perf_counter() - begun)
        taken["find_mirror"].append(seconds(ensure_mirror))
        for step in range(POINTS):
            begun = time.perf_counter()
            journal.metrics(step, loss=1 / (step + 1), learning_rate=1e-3, images_per_second=123.4)
            taken["point"].append(time.perf_counter() - begun)
        taken["close"].append(seconds(partial(journal.close, "finished", {"md5 weights.safetensors": "0" * 32})))
    return {name: round(1000 * statistics.median(times), 4) for name, times in taken.items()}


def mirror() -> psutil.Process:
    """The mirror that lives: a child of this process."""
    (found,) = psutil.Process().children()
    return found


def mirror_cpu_s() -> float:
    """Processor time of the mirror by when it has sent all, from the import of mlflow and an empty database on."""
    process = mirror()
    times: tuple[float, float] = (0.0, 0.0)
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:  # it ends when all is sent
            times = process.cpu_times()[:2]
            time.sleep(0.1)
        process.wait()
    assert drain() == ""
    return round(sum(times), 1)


def main() -> None:
    """Measure in an empty folder and write the record."""
    results: dict[str, object] = {"import_ms": import_ms()}
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as deaf:
        os.chdir(folder)
        Path(".esr").mkdir()
        results["start_mirror_ms"] = start_ms()
        results["stage_ms"] = stage_ms(0)
        stage_ms(REPEATS)
        results["mirror_of_30_stages_cpu_s"] = mirror_cpu_s()
        os.environ["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{deaf.getsockname()[1]}"  # accepts, and says nothing
        start_ms()
        results["stage_ms_while_the_server_hangs"] = stage_ms(2 * REPEATS)
        mirror().kill()
        os.chdir("/")
    what = (
        f"Medians over {REPEATS} stages of {POINTS} points of 3 metrics each, with the mirror at work beside them; "
        "point is what a training loop pays whenever it logs."
    )
    print(write_record("tracking", what, results).read_text())


if __name__ == "__main__":
    main()
