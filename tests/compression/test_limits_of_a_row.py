"""Which limits of a row hold at a scale, and which of them a network passes, without a project around it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor, nn

from esr.common.errors import EsrError
from esr.compression.limits import Limits, Lowest, limits_of
from esr.packed.store import PackedSet
from esr.recipes.rows import Prune
from esr.training.helper_parts import Silence
from esr.training.validation import Validation
from tests.laid_project import RAW
from tests.packed_sets import coded_set


class Said(Silence):
    """A watch that keeps what it is told."""

    def __init__(self) -> None:
        self.said = list[str]()

    def say(self, text: str) -> None:
        self.said.append(text)


class Repeats(nn.Module):
    """Every LR pixel four times in both directions, a fifth brighter."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3) * 1.2


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, PackedSet]:
    """Sets of an image each, by their name; what they are made of is called the same."""
    folder = tmp_path_factory.mktemp("sets")
    return {name: coded_set(folder / name, [(64, side)], name) for name, side in (("a", 64), ("b", 128), ("c", 192))}


def joined(sets: Mapping[str, PackedSet]) -> PackedSet:
    """Of a and b, which are the set's own images; photographs that stand in for c; and d, which holds no image."""
    (a,), (b,), (c,) = (each.parts for each in sets.values())
    own = [replace(part, stand_in=False) for part in (a, b)]
    empty = replace(a, manifest=Path("sets/d/manifest.json"), images=[])
    return PackedSet(Path("sets/joined/manifest.json"), [*own, replace(c, stand_in=True), empty])


def row(**columns: object) -> Prune:
    return Prune.model_validate({**RAW["prune"]["slimrlfn-pruned"], **columns})


@pytest.mark.parametrize(
    ("psnr_loss", "a", "b", "passed"),
    [
        (0.5, 27.0, 26.0, ""),  # the limits themselves are allowed
        (0.501, 27.0, 26.0, "largest_psnr_loss"),
        (0.501, 26.0, 25.0, "largest_psnr_loss"),
        (0.5, 26.999, 26.0, "lowest_psnr.a"),
        (-1.0, 99.0, 25.999, "lowest_psnr.b"),
        (0.0, 26.0, 25.0, "lowest_psnr.a"),  # the first of them is told
    ],
)
def test_the_key_of_the_limit_that_is_passed(
    sets: Mapping[str, PackedSet], psnr_loss: float, a: float, b: float, passed: str
) -> None:
    lowest = tuple(Lowest(name, psnr, Validation(sets[name], 255.0)) for name, psnr in (("a", 27.0), ("b", 26.0)))
    assert Limits(0.5, lowest).passed(psnr_loss, {"a": a, "b": b}) == passed


def test_no_loss_is_too_large_where_the_row_has_no_such_limit(sets: Mapping[str, PackedSet]) -> None:
    limits = Limits(None, (Lowest("a", 27.0, Validation(sets["a"], 255.0)),))
    assert limits.passed(99.0, {"a": 27.0}) == ""


def test_sets_are_measured_each_by_itself_in_the_network_s_range(sets: Mapping[str, PackedSet]) -> None:
    watch = Said()
    limits = limits_of(row(lowest_psnr={"b": 20.0, "a": 21.5}), joined(sets), 1.0, "prune@x", watch)
    assert limits.largest_loss == 0.012
    assert [(each.name, each.psnr) for each in limits.lowest] == [("b", 20.0), ("a", 21.5)]
    network = Repeats()
    expected = {name: Validation(sets[name], 1.0)(network).psnr for name in ("b", "a")}
    assert limits.measure(network) == expected
    assert expected["a"] != expected["b"]
    assert watch.said == []


def test_what_cannot_be_measured_is_told_with_the_reason_and_left_out(sets: Mapping[str, PackedSet]) -> None:
    watch = Said()
    limits = limits_of(row(lowest_psnr={"c": 29.25, "d": 26.9, "a": 20.0}), joined(sets), 255.0, "prune@x", watch)
    assert [each.name for each in limits.lowest] == ["a"]
    assert watch.said == [
        "lowest_psnr, 29.25 dB on c, is left out: photographs stand in for the set here",
        "lowest_psnr, 26.9 dB on d, is left out: the set holds no images here",
    ]


def test_the_loss_alone_is_a_limit(sets: Mapping[str, PackedSet]) -> None:
    limits = limits_of(row(lowest_psnr={"c": 29.0}), joined(sets), 255.0, "prune@x", Said())
    assert limits.lowest == ()
    assert limits.largest_loss == 0.012
    assert limits.measure(Repeats()) == {}


def test_a_row_none_of_whose_limits_can_be_measured_is_refused(sets: Mapping[str, PackedSet]) -> None:
    unmeasured = row(lowest_psnr={"c": 29.0, "d": 26.9}, largest_psnr_loss=None)
    with pytest.raises(EsrError) as refused:
        limits_of(unmeasured, joined(sets), 255.0, "prune@x", Said())
    assert str(refused.value) == (
        "prune@x: lowest_psnr cannot be measured on c, d here; give its images or largest_psnr_loss"
    )
    measured = row(lowest_psnr={"c": 29.0, "b": 26.9}, largest_psnr_loss=None)
    assert limits_of(measured, joined(sets), 255.0, "prune@x", Said()).largest_loss is None
