"""In what two runs of a stage differ: what it was told and what it read, then the machine that ran it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from esr.report.trail import Circumstances, Difference, Subject
from esr.stages.premises import CODE, WORK, is_code
from esr.stages.receipts import Receipt


def differences(there: Receipt, here: Receipt) -> list[Difference]:
    """How the task of a stage differs between a record and the present: command, parameters, code, data."""
    found = list(_of("command", {"": there.command}, {"": here.command}))
    found += _of("parameters", dict(_flat(there.params)), dict(_flat(here.params)))
    by_file = bool(there.sources and here.sources)  # then they say more than the digests of the kinds
    if by_file:
        found += _of("code", there.sources, here.sources)
    for path in sorted({*there.deps, *here.deps}):
        if not (by_file and Path(path).is_relative_to(CODE)):
            found += _of(_subject(path), _only(path, there.deps), _only(path, here.deps))
    return found


def of_the_machines(there: Circumstances, here: Circumstances) -> list[Difference]:
    """How the machines differ in what the last bits depend on; what one side has not noted is no difference."""
    told = {
        "versions": (there.versions, here.versions),
        "processor": ({"": _processor(there)}, {"": _processor(here)}),
        "threads": ({"": there.threads}, {"": here.threads}),
    }
    return [
        difference
        for subject in ("versions", "processor", "threads")
        for difference in _of(subject, *told[subject])
        if difference.there and difference.here
    ]


def _processor(circumstances: Circumstances) -> str:
    return circumstances.processor if circumstances.device in ("", "cpu") else circumstances.device


def _of(subject: Subject, there: Mapping[str, str], here: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted({*there, *here}):
        if there.get(name) != here.get(name):
            yield Difference(subject=subject, name=name, there=there.get(name, ""), here=here.get(name, ""))


def _subject(path: str) -> Subject:
    if is_code(path):
        return "code"
    return "parameters" if Path(path).is_relative_to(WORK) else "data"


def _only(path: str, files: Mapping[str, str]) -> dict[str, str]:
    return {path: files[path]} if path in files else {}


def _flat(value: Mapping[str, Any] | list[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings, and lists of them, as names with dots; a list of plain values is one value."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    for name, each in pairs:
        nested = isinstance(each, Mapping) or (isinstance(each, list) and any(isinstance(part, dict) for part in each))
        if nested and each:
            yield from _flat(each, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(each)
