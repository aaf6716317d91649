"""Importing esr changes nothing of the program that imports it."""

import subprocess
import sys

PROGRAM = """
import os, pkgutil, signal
from importlib import import_module
from PIL import Image
import torch

def state():
    rules = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads(), torch.is_grad_enabled()
    own = {name: value for name, value in os.environ.items() if not name.startswith("_MLFLOW_")}  # MLflow's session
    return own, Image.MAX_IMAGE_PIXELS, signal.getsignal(signal.SIGINT), rules

before = state()
import esr
for module in pkgutil.walk_packages(esr.__path__, "esr."):
    if not module.name.endswith("__main__"):
        import_module(module.name)
assert state() == before
print("the same", Image.MAX_IMAGE_PIXELS)
"""


def test_every_module_leaves_the_process_as_it_is() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert told.stdout == "the same 89478485\n"  # Pillow's own limit: a quarter of 2**30 bytes, of 3 a pixel
