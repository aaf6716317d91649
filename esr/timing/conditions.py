"""The machine while run times were measured: what else it did, and how fast its clocks ran."""

import os
import platform
from dataclasses import dataclass

import psutil
import torch

from esr.timing.gpu_sensor import GpuSensor


@dataclass(frozen=True)
class Conditions:
    """What was read before and after the rounds.

    Attributes:
        processor: the CPU's model.
        cores: that this process may use.
        load_before, load_after: processes that ran or waited to run, on average over the last minute.
        cpu_mhz: the CPU's clock after the rounds; None where it cannot be read.
        temperature: of the CPU after the rounds, degrees Celsius; None where it cannot be read.
        gpu: what NVML says of the GPU; None on a CPU, or without NVML.
        versions: of Python, PyTorch, and CUDA's runtime.
    """

    processor: str
    cores: int
    load_before: float
    load_after: float
    cpu_mhz: float | None
    temperature: float | None
    gpu: dict[str, str | int] | None
    versions: dict[str, str]


def load() -> float:
    """Processes that ran or waited to run, on average over the last minute."""
    return os.getloadavg()[0]


def read_conditions(cores: int, load_before: float, sensor: GpuSensor | None) -> Conditions:
    """What can be read on this machine, now."""
    frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    return Conditions(
        processor=_processor(),
        cores=cores,
        load_before=load_before,
        load_after=load(),
        cpu_mhz=frequency.current if frequency else None,
        temperature=_temperature(),
        gpu=sensor.describe() if sensor else None,
        versions=versions | ({"cuda": torch.version.cuda} if torch.version.cuda else {}),
    )


def processor_flags() -> set[str]:
    """What the first processor can do beyond the ordinary, in Linux's words; empty where it is not said."""
    return set((_cpu_info("flags") or _cpu_info("Features")).split())


def _processor() -> str:
    """The name of the model."""
    return _cpu_info("model name") or platform.processor() or platform.machine()


def _cpu_info(key: str) -> str:
    """The first value of a key in Linux's file; empty where there is none."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith(key)), "")
    except OSError:
        return ""


def _temperature() -> float | None:
    sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    found = [each.current for name in ("coretemp", "k10temp", "cpu_thermal") for each in sensors.get(name, [])]
    return max(found) if found else None
