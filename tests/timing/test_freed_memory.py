"""A process that measures keeps the memory that it frees: a pass does not wait for the system to fill it with zeros."""

import subprocess
import sys
from ctypes import CDLL

import pytest

FAULTS = """
import resource
import torch
from esr.networks.rlfn import RLFN
from esr.recipes.scale import Measuring

cpu, network = torch.device("cpu"), RLFN().eval()
rule = Measuring(sizes=[(16, 16)], seconds=0.01, narrow=0.5)
{measure}

def pass_and_count():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    network(torch.zeros(1, 3, 128, 128))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with torch.inference_mode():
    print([pass_and_count() for _ in range(8)])
"""
SESSION = """
from esr.timing.session import Candidate, compare
compare([Candidate("a", network)], Candidate("b", network), (16, 16), cpu, rule)
"""
LAYERS = """
from esr.evaluation.layers import measure_layers
measure_layers(network, (16, 16), cpu, threads=1, seconds=0.01, with_savings=False)
"""
MODES = """
from esr.timing import modes
modes.MODES = modes.MODES[:1]
modes.compare_modes(network, 1.0, (16, 16), cpu, rule)
"""


@pytest.mark.skipif(not hasattr(CDLL(None), "mallopt"), reason="the C library is not glibc")
@pytest.mark.parametrize("measure", [SESSION, LAYERS, MODES])
def test_passes_use_memory_that_earlier_ones_freed(measure: str) -> None:
    """RLFN's features of 52 channels are 832 pages of 4 KiB; fetched anew, they are thousands of faults."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(measure=measure)], capture_output=True, text=True, check=True
    )
    faults = [int(each) for each in done.stdout.strip(" []\n").split(",")]
    assert sum(faults[4:]) < 4 * 832, faults
