"""The device that is asked for."""

import pytest
import torch

from esr.common.errors import EsrError
from esr.timing.clock import flush_l2, milliseconds_by
from esr.timing.device import check_flush, choose_device


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


def test_only_a_gpu_s_cache_can_be_flushed() -> None:
    check_flush(True, torch.device("cuda"))
    check_flush(False, torch.device("cpu"))
    with pytest.raises(EsrError, match="--flush-l2 empties a GPU's cache"):
        check_flush(True, torch.device("cpu"))


def test_what_is_flushed_is_twice_the_cache_and_all_of_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = type("Properties", (), {"L2_cache_size": 100})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    written = flush_l2(torch.device("cpu"))()
    assert isinstance(written, torch.Tensor)
    assert written.nbytes == 200 and not written.any()


def test_what_is_done_before_a_pass_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU the flush lies before the first event."""
    done: list[str] = []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            pass

        def record(self) -> None:
            done.append("event")

        def elapsed_time(self, end: "Event") -> float:
            return 1.5

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    assert milliseconds_by(torch.device("cuda"), lambda: done.append("pass"), lambda: done.append("flush")) == 1.5
    assert done == ["flush", "event", "pass", "event"]
