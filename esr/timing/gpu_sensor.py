"""A GPU's clock, temperature and throttling, by NVML."""

from collections.abc import Callable
from contextlib import suppress

import torch

try:
    import pynvml
except ImportError:  # a machine without a GPU needs no NVML
    pynvml = None

SLOWED = ("SwThermalSlowdown", "HwThermalSlowdown", "HwPowerBrakeSlowdown", "HwSlowdown", "SwPowerCap")


class GpuSensor:
    """Reads one GPU.

    Raises:
        OSError: NVML is not installed, or does not know this GPU.
    """

    def __init__(self, device: torch.device) -> None:
        if pynvml is None:
            raise OSError("NVML is not installed: pip install 'esr[gpu]'")
        try:
            pynvml.nvmlInit()
            # By UUID: NVML numbers all GPUs, CUDA those that it may see.
            uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        except pynvml.NVMLError as error:
            raise OSError(f"NVML: {error}") from error

    def read(self) -> tuple[int | None, bool | None]:
        """The SM clock in MHz, and whether heat or power slow the GPU down; None where the driver does not say."""
        clock = throttled = None
        with suppress(pynvml.NVMLError):
            clock = int(pynvml.nvmlDeviceGetClockInfo(self._handle, pynvml.NVML_CLOCK_SM))
        with suppress(pynvml.NVMLError):
            reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(self._handle)
            throttled = any(reasons & getattr(pynvml, f"nvmlClocksThrottleReason{name}") for name in SLOWED)
        return clock, throttled

    def describe(self) -> dict[str, str | int]:
        """Name, driver, clocks in MHz, temperature in degrees Celsius, power in watts, as far as the driver says."""
        readings: dict[str, Callable[[], str | int]] = {
            "name": lambda: str(pynvml.nvmlDeviceGetName(self._handle)),
            "driver": lambda: str(pynvml.nvmlSystemGetDriverVersion()),
            "sm_mhz": lambda: int(pynvml.nvmlDeviceGetClockInfo(self._handle, pynvml.NVML_CLOCK_SM)),
            "most_sm_mhz": lambda: int(pynvml.nvmlDeviceGetMaxClockInfo(self._handle, pynvml.NVML_CLOCK_SM)),
            "memory_mhz": lambda: int(pynvml.nvmlDeviceGetClockInfo(self._handle, pynvml.NVML_CLOCK_MEM)),
            "temperature": lambda: int(pynvml.nvmlDeviceGetTemperature(self._handle, pynvml.NVML_TEMPERATURE_GPU)),
            "watts": lambda: round(pynvml.nvmlDeviceGetPowerUsage(self._handle) / 1000),
        }
        said: dict[str, str | int] = {}
        for name, reading in readings.items():
            with suppress(pynvml.NVMLError):
                said[name] = reading()
        return said


def gpu_sensor(device: torch.device) -> GpuSensor | None:
    """The sensor of ``device``; None on a CPU, or where NVML cannot be had."""
    if device.type != "cuda":
        return None
    try:
        return GpuSensor(device)
    except OSError:
        return None
