"""The device that is asked for."""

import pytest
import torch

from esr.common.errors import EsrError
from esr.timing.device import choose_device


def test_the_cpu_is_there_and_the_default_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("cpu") == choose_device(None) == torch.device("cpu")


def test_a_gpu_is_the_default_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device(None) == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(EsrError, match=r"--device cuda:2: this machine has 2 GPUs"):
        choose_device("cuda:2")


@pytest.mark.parametrize("text", ["gpu", "", "cuda:", "cuda:-1", "mps", "cuda:0 "])
def test_what_is_no_device_is_refused(text: str) -> None:
    with pytest.raises(EsrError, match="give cpu, cuda or cuda:N"):
        choose_device(text)
