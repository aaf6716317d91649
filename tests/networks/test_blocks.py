"""Inputs of any size, and the attention blocks against their definition written out by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor

from esr.networks.blocks import ESA, at_any_size


def numpy_padded(x: Tensor, height: int, width: int) -> Tensor:
    """The same continuation by numpy, whose "reflect" mode repeats, and "edge" where there is but one pixel."""
    values = x.numpy()
    for axis, side in ((2, height), (3, width)):
        margin = [(0, 0)] * 4
        margin[axis] = (0, max(0, side - values.shape[axis]))
        values = np.pad(values, margin, mode="edge" if values.shape[axis] == 1 else "reflect")
    return torch.from_numpy(values)


def nearest_x4(x: Tensor) -> Tensor:
    return x.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)


def what_the_network_sees(x: Tensor, smallest: int, multiple: int = 1) -> Tensor:
    seen: list[Tensor] = []

    def upscale(padded: Tensor) -> Tensor:
        seen.append(padded)
        return nearest_x4(padded)

    assert torch.equal(at_any_size(upscale, x, smallest, multiple), nearest_x4(x))
    return seen[0]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (2, 3), (4, 14), (14, 15), (15, 7)])
def test_small_input_is_continued_by_repeated_reflection_and_cropped(height: int, width: int) -> None:
    x = torch.rand(2, 3, height, width)
    assert torch.equal(what_the_network_sees(x, 15), numpy_padded(x, max(15, height), max(15, width)))


def test_a_side_of_three_goes_back_and_forth() -> None:
    seen = what_the_network_sees(torch.tensor([[[[10.0, 20.0, 30.0]]]]), 8)
    assert seen[0, 0, 0].tolist() == [10, 20, 30, 20, 10, 20, 30, 20]
    assert seen[0, 0, :, 0].tolist() == [10] * 8


@pytest.mark.parametrize(("side", "padded"), [(8, 8), (16, 16), (9, 16), (23, 24), (1, 8)])
def test_sides_are_padded_to_the_multiple(side: int, padded: int) -> None:
    assert what_the_network_sees(torch.rand(1, 3, side, side), 8, 8).shape == (1, 3, padded, padded)


def test_an_ordinary_input_goes_straight_through() -> None:
    x = torch.rand(1, 3, 15, 17)
    assert what_the_network_sees(x, 15) is x


def test_esa_with_weights_that_can_be_followed_by_hand() -> None:
    # One channel, 15x15, all ones. reduce: 2. down: 9 x 2 x 0.5 = 9. The 7x7 pooling leaves one 9. context's centre
    # doubles it: 18. skip: 3 x 2 = 6. expand: 0.1 x (18 + 6) = 2.4.
    esa = ESA(1, 1, skip_conv=True).double()
    state = {name: torch.zeros_like(value) for name, value in esa.state_dict().items()}
    state["reduce.weight"].fill_(2)
    state["down.weight"].fill_(0.5)
    state["context.weight"][0, 0, 1, 1] = 2
    state["skip.weight"].fill_(3)
    state["expand.weight"].fill_(0.1)
    esa.load_state_dict(state)
    output = esa(torch.ones(1, 1, 15, 15, dtype=torch.float64))
    assert torch.allclose(output, torch.full_like(output, 1 / (1 + np.exp(-2.4))))

    srn = ESA(1, 1, skip_conv=False).double()
    srn.load_state_dict({name: value for name, value in state.items() if not name.startswith("skip")})
    output = srn(torch.ones(1, 1, 15, 15, dtype=torch.float64))  # the reduced 2 itself is added: 0.1 x (18 + 2)
    assert torch.allclose(output, torch.full_like(output, 1 / (1 + np.exp(-2.0))))
