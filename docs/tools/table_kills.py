"""docs/exactness.md's table of kills, from the records of benchmarks/faults.py."""

from typing import Any

from recorded import newest_results

RUNS = {
    "kills": "the tiny pipeline",
    "kills-edited": "the tiny pipeline after an edit",
    "kills-slurm": "the tiny pipeline as jobs of Slurm",
    "kills-demo": "the demo",
}


def kills() -> str:
    """A line for each kind of run that has a record."""
    lines = [
        "| of | kills | who was killed | runs that ended | files compared in each | found |",
        "|---|---:|---|---:|---:|---:|",
    ]
    lines += [_line(name, newest_results(record)) for record, name in RUNS.items()]
    return "\n".join(lines) + "\n"


def _line(name: str, results: dict[str, Any]) -> str:
    victims = ", ".join(f"{victim} {count}" for victim, count in results["of"].items())
    numbers = [results["pipelines that were finished"], results["files compared in each"], len(results["found"])]
    return f"| {name} | {results['kills']} | {victims} | {' | '.join(map(str, numbers))} |"
