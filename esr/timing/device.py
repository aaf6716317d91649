"""The device that networks are timed on."""

import re

import torch

from esr.common.errors import EsrError


def choose_device(text: str | None) -> torch.device:
    """``cpu``, ``cuda`` or ``cuda:N``; a GPU if there is one where nothing is said.

    Raises:
        EsrError: it is none of these, or this machine has no such GPU.
    """
    if text is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", text):
        raise EsrError(f"--device {text} is no device; give cpu, cuda or cuda:N")
    device, count = torch.device(text), torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise EsrError(f"--device {text}: this machine has {count or 'no'} GPUs that PyTorch can use")
    return device


def check_flush(flush: bool, device: torch.device) -> None:
    """Refuse to flush an L2 cache where there is none that can be flushed.

    Raises:
        EsrError: ``flush`` is asked for on a CPU.
    """
    if flush and device.type != "cuda":
        raise EsrError(
            "--flush-l2 empties a GPU's cache, and these times are a CPU's; give --device cuda, or leave it out"
        )
