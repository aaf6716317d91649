"""Records of measurements: a dated JSON file each, with the machine and the command that made it."""

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "records"


def write_record(name: str, what: str, results: Any, measured_on: Mapping[str, Any] | None = None) -> Path:
    """Write benchmarks/records/DATE-NAME.json and return its path.

    Args:
        name: of the benchmark.
        what: one sentence or more: what was measured against what, and what to beware of.
        results: any JSON value.
        measured_on: ``machine`` and ``versions`` of the machine that measured; of this one where there is none.
    """
    here = measured_on or {
        "machine": machine(),
        "versions": versions("python", "numpy", "pillow", "torch", "opencv-python-headless", "lmdb", "mutmut"),
    }
    record = {
        "what": what,
        "date": datetime.date.today().isoformat(),
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(_shown, sys.argv[1:])]),
        "machine": here["machine"],
        "versions": here["versions"],
        "results": results,
    }
    path = FOLDER / f"{record['date']}-{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")
    return path


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, how many processes wanted them, memory, and GPU if there is one."""
    described: dict[str, Any] = {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
    }
    gpu = _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    return described | ({"gpu": gpu} if gpu else {})


def versions(*packages: str) -> dict[str, str]:
    """The installed versions of those packages that are installed."""
    found = {}
    for package in packages:
        if package == "python":
            found[package] = platform.python_version()
            continue
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _shown(argument: str) -> str:
    """An argument without the folders of this machine."""
    return Path(argument).name if os.path.isabs(argument) else argument
