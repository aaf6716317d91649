"""What a stranger would hand over, written without the house's own functions."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

SLIMRLFN = {
    "network": "esr/networks/slimrlfn.py",
    "arguments": {},
    "deploy": True,
    "data_range": 1.0,
    "origin": "a stranger",
    "inputs": {},
}


def stranger_s_weights(path: Path, text: str | None = None, **metadata: Any) -> Path:
    """A weights file of one number with this metadata, or with any text in its place."""
    save_file({"a": torch.zeros(1)}, path, {"esr": text or json.dumps({**SLIMRLFN, **metadata})})
    return path
