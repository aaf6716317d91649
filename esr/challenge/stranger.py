"""The process that runs a team's code: it confines itself, loads one network as the organisers do, and obeys orders.

    python -m esr.challenge.stranger CHECKOUT NUMBER FOLDER SOCKET

Orders and answers are JSON on the socket with that file descriptor; pixels follow them as bytes of their own. The first
answer is ``{"unbarred": [...]}``, the second, when the network is loaded, ``{"device"}``. Then each order is answered:

==============================================  ========================================================
``{"do": "count"}``                             ``{"complexity": {...}}``, at 256 x 256
``{"do": "enlarge", "height", "width"}``, RGB   ``{"milliseconds"}`` of the pass, and the image that it gave
``{"do": "prepare", "height", "width"}``        ``{}``: an image of that size is ready to be timed
``{"do": "pass"}``                              ``{"milliseconds"}`` of a pass over it
==============================================  ========================================================

An order that fails is answered by ``{"reason"}``. The process ends when the socket is closed.
"""

import ast
import json
import os
import sys
from argparse import Namespace
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from esr.challenge.confinement import confine
from esr.common.errors import on_one_line

SCRIPT = "test_demo.py"


def main(checkout: Path, number: int, folder: Path, socket: int) -> None:
    """Serve until the other side has gone; a failure of the team's code is a reason, and no failure of this process."""
    orders = Connection(socket)
    _answer(orders, {"unbarred": confine(folder)})  # first: torch starts threads, which would not be confined
    try:
        stranger = _Stranger(checkout, number)
        _answer(orders, {"device": str(stranger.device)})
    except BaseException as error:  # whatever the code does, an exit too
        _answer(orders, {"reason": on_one_line(error)})
        return
    while True:
        try:
            order = json.loads(orders.recv_bytes())
        except EOFError:
            return
        try:
            answer, pixels = stranger.obey(order, orders)
        except BaseException as error:
            answer, pixels = {"reason": on_one_line(error)}, b""
        _answer(orders, answer)
        if pixels:
            orders.send_bytes(pixels)


def _answer(orders: Connection, answer: dict[str, Any]) -> None:
    orders.send_bytes(json.dumps(answer).encode())


class _Stranger:
    """A team's network, loaded, on every core or on the GPU."""

    def __init__(self, checkout: Path, number: int) -> None:
        import torch

        from esr.timing.clock import usable_cores

        torch.set_num_threads(usable_cores())
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network, _, self.data_range, *_ = loaded(checkout, number, self.device)
        self._pass: Any = None

    def obey(self, order: dict[str, Any], orders: Connection) -> tuple[dict[str, Any], bytes]:
        """Do what an order says; gives the answer, and the pixels that follow it."""
        match order:
            case {"do": "count"}:
                return {"complexity": self._count()}, b""
            case {"do": "enlarge", "height": int(height), "width": int(width)}:
                return self._enlarge(orders.recv_bytes(), height, width)
            case {"do": "prepare", "height": int(height), "width": int(width)}:
                self._prepare(height, width)
                return {}, b""
            case {"do": "pass"}:
                return {"milliseconds": self._timed_pass()}, b""
        raise ValueError(f"there is no order {order}")

    def _enlarge(self, pixels: bytes, height: int, width: int) -> tuple[dict[str, Any], bytes]:
        """An RGB image through the network, timed and rounded as the organisers' script does it."""
        import numpy as np
        import torch

        from esr.inference.super_resolve import to_image
        from esr.timing.clock import milliseconds_by

        image = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
        x = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1).contiguous()[None]
        x = x.div(255 / self.data_range).to(self.device)
        outputs: list[torch.Tensor] = []
        with torch.inference_mode():
            spent = milliseconds_by(self.device, lambda: outputs.append(self.network(x)))
        return {"milliseconds": spent}, to_image(outputs[0], image, self.data_range).tobytes()

    def _count(self) -> dict[str, int]:
        """The complexity at 256 x 256: from shapes, or else on the CPU."""
        from esr.evaluation.complexity import measure_complexity

        try:
            return asdict(measure_complexity(self.network))
        except Exception:
            return asdict(measure_complexity(self.network, device="cpu"))

    def _prepare(self, height: int, width: int) -> None:
        from esr.common.freed_memory import keep_freed_memory
        from esr.timing.clock import random_image, timed

        keep_freed_memory()
        self._pass = timed(self.network, random_image(height, width, self.device))

    def _timed_pass(self) -> float:
        import torch

        with torch.inference_mode():
            return float(self._pass())


def loaded(checkout: Path, number: int, device: Any) -> Any:
    """What the organisers' function gives, alone: what else their script imports is left.

    Without a GPU ``.cuda()`` does nothing, and files are loaded to the CPU and by the rules of the torch of their day.
    """
    import torch

    sys.dont_write_bytecode = True
    sys.path.insert(0, str(checkout))
    os.chdir(checkout)
    if device.type == "cpu":
        _without_cuda(torch)
    load = torch.load
    torch.load = lambda *given, **more: load(*given, **{"map_location": device, "weights_only": False, **more})
    tree = ast.parse(Path(SCRIPT).read_bytes())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "select_model"]
    names: dict[str, Any] = {"os": os, "torch": torch, "__file__": str(checkout / SCRIPT)}
    exec(compile(tree, SCRIPT, "exec"), names)
    return names["select_model"](Namespace(model_id=number), device)


def _without_cuda(torch: Any) -> None:
    def stay(self: Any, *_: Any, **__: Any) -> Any:
        return self

    torch.nn.Module.cuda = stay
    torch.Tensor.cuda = stay


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
