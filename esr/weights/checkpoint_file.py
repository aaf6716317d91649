"""Released checkpoints as they are read: tensors, and nothing that runs."""

import re
import struct
import warnings
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from esr.common.errors import EsrError

# Where a checkpoint may keep its tensors, the averaged ones first; most keep them at the root.
SUB_KEYS = ("params_ema", "params", "state_dict")

MOST_EXPANDED = 100  # times a file's size; PyTorch itself stores tensors as they are, and trained ones hardly shrink

StateDict = dict[str, Tensor]


def read_checkpoint(path: Path) -> StateDict:
    """The tensors of a .pth, under whichever usual key they are, or of a .safetensors; nothing in the file is run.

    Raises:
        EsrError: the file is missing, broken, holds anything but tensors, or expands to a multiple of its size.
    """
    if not path.exists():
        raise EsrError(f"checkpoint {path} is missing; name the released .pth file")
    if not path.is_file():
        raise EsrError(f"checkpoint {path} is a folder or a device, no file; name the released .pth file")
    _refuse_what_expands(path)
    try:
        with warnings.catch_warnings():  # of old pickles: the refusal says it
            warnings.simplefilter("ignore")
            is_plain = path.suffix == ".safetensors"
            content = load_file(path) if is_plain else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in a dozen ways on a file that is no checkpoint
        named = re.search(r"GLOBAL (\S+)", str(error))
        if named:
            raise EsrError(
                f"checkpoint {path} holds more than tensors: it asks for {named[1]}, and nothing in it was run"
            ) from error
        raise EsrError(
            f"checkpoint {path} is cut short or no checkpoint, and nothing in it was run; download it again"
        ) from error
    state = next((content[key] for key in SUB_KEYS if key in content), content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not all(map(_is_named_tensor, state.items())):
        raise EsrError(f"checkpoint {path} does not hold named tensors at its root or under {', '.join(SUB_KEYS)}")
    return state


def _refuse_what_expands(path: Path) -> None:
    """Refuse a zip, as a .pth is, whose records are packed and would fill the memory."""
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(record.file_size for record in file.infolist())
    except (zipfile.BadZipFile, struct.error, OSError, ValueError, NotImplementedError):
        return  # what it is then, its reader tells
    if size > MOST_EXPANDED * path.stat().st_size:
        told = f"it would expand to {size / 1e6:,.0f} MB, more than {MOST_EXPANDED} times its size"
        raise EsrError(f"checkpoint {path} is refused: {told}; get it from a source that you trust")


def _is_named_tensor(item: tuple[object, object]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], Tensor)
