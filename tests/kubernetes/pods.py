"""A pod as the plugin's jobs ask for it: a process with an empty folder and no more environment than an image has.

The claim's volume is where it lies on this machine.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GRACE = 2.0  # seconds between SIGTERM and SIGKILL; Kubernetes' own is thirty
THOUSANDTHS = "m"


@dataclass
class Pod:
    """A pod of one container, and the job that has asked for it.

    Attributes:
        job: as the API server was sent it.
        folder: the pod's own on this machine.
        process: the container's first one.
    """

    job: dict[str, Any]
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """Of the job, and of its pod."""
        return str(self.job["metadata"]["name"])

    @property
    def container(self) -> dict[str, Any]:
        """What is to run, with what of the machine."""
        found: dict[str, Any] = self._spec["containers"][0]
        return found

    @property
    def command(self) -> str:
        """What the shell of the container is told."""
        return str(self.container["args"][-1])

    @property
    def rule(self) -> str:
        """The kind of stage."""
        words = shlex.split(self.command)
        return words[words.index("--allowed-rules") + 1]

    @property
    def code(self) -> int | None:
        """With which exit code the container has ended; None while it runs."""
        return self.process.poll() if self.process else None

    @property
    def log(self) -> Path:
        """What the container has said."""
        return self.folder / "log"

    @property
    def _spec(self) -> dict[str, Any]:
        found: dict[str, Any] = self.job["spec"]["template"]["spec"]
        return found

    def start(self, secrets: Mapping[str, str]) -> None:
        """Start the container, with these variables besides those of an image."""
        workdir = self.folder / "workdir"
        workdir.mkdir()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.container["command"], *self.container["args"]],
                cwd=workdir,
                env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(self.folder), **secrets},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self) -> None:
        """Its first process gets SIGTERM, and all that is left of it SIGKILL."""
        if self.process is None:
            return
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wrong(self, claim: str) -> str:
        """Why Kubernetes would refuse it where there is this claim of a volume; an empty text if it would not."""
        mounts, volumes = self.container["volumeMounts"], self._spec["volumes"]
        claims = {each["persistentVolumeClaim"]["claimName"] for each in volumes if "persistentVolumeClaim" in each}
        if len({mount["mountPath"] for mount in mounts}) < len(mounts):
            return "mountPath must be unique"
        if not {mount["name"] for mount in mounts} <= {volume["name"] for volume in volumes}:
            return "a volumeMount has no volume"
        if claims - {claim}:
            return f"persistentvolumeclaims {claims} not found"
        return self._wrong_resources()

    def _wrong_resources(self) -> str:
        asked = self.container["resources"]
        requests, limits = asked["requests"], asked.get("limits") or {}
        if requests.get("nvidia.com/gpu") != limits.get("nvidia.com/gpu"):
            return "requests of nvidia.com/gpu must be equal to limits"
        if any(_amount(requests[name]) > _amount(limits[name]) for name in requests.keys() & limits.keys()):
            return "a request is larger than its limit"
        return ""

    def shown(self) -> dict[str, Any]:
        """The pod as the API server tells it."""
        state = {"running": {}} if self.code is None else {"terminated": {"exitCode": self.code}}
        container = {"name": "snakemake", "image": "esr", "imageID": "esr", "ready": True, "restartCount": 0}
        return {"metadata": {"name": self.name}, "status": {"containerStatuses": [container | {"state": state}]}}


def _amount(quantity: str) -> float:
    """Of 1900m cores, 2 GPUs or 8000M bytes: the number, in cores, GPUs or megabytes."""
    found = re.fullmatch(r"(\d+)([mM]?)", quantity)
    assert found, quantity
    return int(found[1]) / (1000 if found[2] == THOUSANDTHS else 1)
