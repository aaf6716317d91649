"""Run times, memory and modes on a GPU."""

import pytest
import torch

from esr.networks.slimrlfn import SlimRLFN
from esr.recipes.scale import Measuring
from esr.timing.clock import flush_l2, milliseconds_by
from esr.timing.gpu_sensor import GpuSensor
from esr.timing.memory import peak_memory
from esr.timing.modes import compare_modes
from esr.timing.session import Candidate, compare
from esr.timing.stopwatch import stopwatch

pytestmark = pytest.mark.gpu
GPU = torch.device("cuda")
RULE = Measuring(sizes=[(32, 48)], seconds=1.0, narrow=1.0)
FP32 = ("eager channels_last", "compiled contiguous", "compiled channels_last", "CUDA graph")


def network() -> SlimRLFN:
    torch.manual_seed(0)
    return SlimRLFN(channels=16, blocks=1, deploy=True)


def work() -> object:
    one = torch.rand(2048, 2048, device=GPU)
    return one @ one


def test_a_session_has_passes_of_every_network() -> None:
    session = compare([Candidate("one", network())], Candidate("other", network()), (32, 48), GPU, RULE)
    assert all(ms > 0 for each in session.rounds for passes in each.passes for ms in passes)
    assert session.device == torch.cuda.get_device_name()


def test_every_mode_of_fp32_runs_and_gives_the_same_pixels() -> None:
    found = compare_modes(network(), 255.0, (32, 48), GPU, RULE)
    assert not set(FP32) & set(found.missing), found.missing
    assert all(found.differences[mode] < 0.5 for mode in FP32)


def test_half_precisions_run() -> None:
    found = compare_modes(network(), 255.0, (32, 48), GPU, RULE)
    assert not {"bf16", "fp16", "CUDA graph fp16"} & set(found.missing), found.missing


def test_a_pass_is_timed_with_and_without_its_cache() -> None:
    assert milliseconds_by(GPU, work) > 0
    assert milliseconds_by(GPU, work, flush_l2(GPU)) > 0


def test_pieces_are_timed_one_by_one() -> None:
    watch = stopwatch(GPU)
    for _ in range(2):
        watch.begin()
        for _ in range(3):
            watch.run(work)
        assert len(watch.milliseconds()) == 3
        assert all(ms > 0 for ms in watch.milliseconds())


def test_the_peak_of_memory_holds_at_least_the_weights_and_the_image() -> None:
    weights = sum(tensor.numel() for tensor in network().state_dict().values())
    image = 3 * 32 * 48
    found = peak_memory(network, (32, 48), GPU)
    assert found is not None
    assert found >= 4 * (weights + 16 * image) / 2**20  # the output is sixteen times the image


def test_the_sensor_names_the_gpu_and_its_driver() -> None:
    pytest.importorskip("pynvml")
    said = GpuSensor(GPU).describe()
    assert said["name"] == torch.cuda.get_device_name()
    assert said["driver"]
