"""What was measured so far: a JSON file per part, written after every single value, so that a killed step goes on."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from on_gpu.plan import Step

WHOLE = "the step"


class Notes:
    """The values of one step, in the file of its part.

    The file is ``{"about": {...}, "steps": {KEY: {"values": {...}, "failed": {...}, ...}}}``. One process at a time
    writes to it.
    """

    def __init__(self, folder: Path, step: Step) -> None:
        self.folder = folder
        self._path = folder / f"{step.part}.json"
        self._key = step.key

    @property
    def values(self) -> dict[str, Any]:
        """What was measured, by name."""
        values: dict[str, Any] = self._step(read(self._path)).setdefault("values", {})
        return values

    def of(self, key: str) -> dict[str, Any]:
        """The values of another step of the same part."""
        values: dict[str, Any] = read(self._path).get("steps", {}).get(key, {}).get("values", {})
        return values

    def begin(self) -> None:
        """Forget what failed when the step ran before: it is tried again."""
        self._change(lambda step: step["failed"].clear())

    def once(self, name: str, measure: Callable[[], Any]) -> Any:
        """A value that was measured before, or is measured now; whatever is raised is raised."""
        if name not in self.values:
            value = measure()
            self._change(lambda step: (step["values"].update({name: value}), step["failed"].pop(name, None)))
            print(f"  {name}: {_short(value)}", flush=True)
        return self.values[name]

    def tried(self, name: str, measure: Callable[[], Any]) -> Any:
        """The same; what fails is noted with the reason, and gives None."""
        try:
            return self.once(name, measure)
        except Exception as error:  # whatever a compiler, a driver or another loop raises; the next value may do
            self.failed(name, error)
            return None

    def failed(self, name: str, error: BaseException) -> None:
        """Note why there is no value; ``WHOLE`` names the step itself."""
        lines = str(error).splitlines() or [""]
        reason = f"{type(error).__name__}: {lines[0][:300]}"
        self._change(lambda step: step["failed"].update({name: reason}))
        print(f"  {name} failed: {reason}", file=sys.stderr, flush=True)

    def finish(self, **about: Any) -> None:
        """Note that the step has come to its end, and how."""
        self._change(lambda step: step.update(about))

    def _change(self, change: Callable[[dict[str, Any]], object]) -> None:
        content = read(self._path)
        change(self._step(content))
        write(self._path, content)

    def _step(self, content: dict[str, Any]) -> dict[str, Any]:
        step: dict[str, Any] = content.setdefault("steps", {}).setdefault(self._key, {"values": {}, "failed": {}})
        return step


def read(path: Path) -> dict[str, Any]:
    """What a part's file holds; nothing where there is none."""
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def write(path: Path, content: dict[str, Any]) -> None:
    """Write it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    os.replace(beside, path)


def _short(value: Any, most: int = 160) -> str:
    text = json.dumps(value)
    return text if len(text) <= most else f"{text[:most]} ..."
