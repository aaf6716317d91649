"""The process that runs a team's code: it confines itself, loads one network as the organisers do, and counts its work.

    python -m esr.challenge.stranger CHECKOUT NUMBER FOLDER

What it finds is written to FOLDER/found.json: ``{"unbarred": [...]}`` with either ``{"name", "complexity"}`` or
``{"reason"}``.
"""

import ast
import json
import os
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from esr.challenge.confinement import confine
from esr.common.errors import on_one_line

FOUND = "found.json"


def main(checkout: Path, number: int, folder: Path) -> None:
    """Do all of it; a failure of the team's code is a reason, and no failure of this process."""
    unbarred = confine(folder)  # first: torch starts threads, which would not be confined
    found: dict[str, Any] = {"unbarred": unbarred}
    try:
        name, network = _load(checkout, number)
        found |= {"name": name.strip(), "complexity": _count(network)}
    except BaseException as error:  # whatever the code does, an exit too
        found["reason"] = on_one_line(error)
    (folder / FOUND).write_text(json.dumps(found))


def _load(checkout: Path, number: int) -> tuple[str, Any]:
    """The network's name, and the network, by the organisers' function alone: what else their script imports is left.

    Without a GPU ``.cuda()`` does nothing, and files are loaded to the CPU and by the rules of the torch of their day.
    """
    import torch

    sys.dont_write_bytecode = True
    sys.path.insert(0, str(checkout))
    os.chdir(checkout)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        _without_cuda(torch)
    load = torch.load
    torch.load = lambda *given, **more: load(*given, **{"map_location": device, "weights_only": False, **more})
    tree = ast.parse(Path("test_demo.py").read_bytes())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "select_model"]
    names: dict[str, Any] = {"os": os, "torch": torch, "__file__": str(checkout / "test_demo.py")}
    exec(compile(tree, "test_demo.py", "exec"), names)
    network, name, *_ = names["select_model"](Namespace(model_id=number), device)
    return name, network


def _without_cuda(torch: Any) -> None:
    def stay(self: Any, *_: Any, **__: Any) -> Any:
        return self

    torch.nn.Module.cuda = stay
    torch.Tensor.cuda = stay


def _count(network: Any) -> dict[str, int]:
    """The complexity at 256 x 256: from shapes, or else on the CPU."""
    from esr.evaluation.complexity import measure_complexity

    try:
        return asdict(measure_complexity(network))
    except Exception:
        return asdict(measure_complexity(network, device="cpu"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
