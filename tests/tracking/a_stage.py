"""A stage as the mirror sees it: `python a_stage.py JSON`, with the fields of the class Play below."""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from esr.tracking.journal import Head, Journal, journal_path
from esr.tracking.mirror import ensure_mirror


@dataclass
class Play:
    kind: str = "train"
    key: str = "tiny-1"
    entry: str = "tiny"
    recipe: str = "3f2a9100"
    identity: str = "0001"
    first: int = 0  # step of the first metric told
    last: int = 0  # one past the last one
    results: dict[str, float] = field(default_factory=dict)  # told at step 0
    picture: str = ""
    wait_for: str = ""  # goes on when this file exists
    end: Literal["finished", "failed", "killed", "SIGKILL"] = "finished"  # SIGKILL: no word at all
    exclusive: bool = False


SCALE = {"data": {"stand_in": True}, "training": {"validate_every": 200}}


def head_of(play: Play) -> Head:
    row = {"entry": play.entry, "patch": 256, "arguments": {"channels": 8}}
    return {
        "entry": play.entry,
        "recipe": play.recipe,
        "rows": {"scale": SCALE, play.kind: {play.key: row}},
        "scale": "demo",
        "kind": play.kind,
        "key": play.key,
        "order": 2,
        "exclusive": play.exclusive,
        "params": {"threads": 2, f"{play.kind}.{play.key}": row},
        "tags": {"git_commit": "0" * 40, "device": "cpu", "md5 params.yaml": "1" * 32},
    }


def loss(step: int) -> float:
    """The same whenever the step is made, as in an exact training."""
    return 1 / (step + 1)


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    play = Play(**json.loads(sys.argv[1]))
    journal = Journal(journal_path("demo", play.kind, play.key, play.identity), head_of(play))
    ensure_mirror()
    for step in range(play.first, play.last):
        journal.metrics(step, loss=loss(step), images_per_second=time.perf_counter())
    if play.results:
        journal.metrics(0, **play.results)
    if play.picture:
        journal.picture("sample", Path(play.picture), step=play.last)
    print("told", flush=True)
    while play.wait_for and not Path(play.wait_for).exists():
        time.sleep(0.02)
    assert "mlflow" not in sys.modules
    if play.end == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        journal.close(play.end, {"md5 weights.safetensors": "2" * 32})


if __name__ == "__main__":
    main()
