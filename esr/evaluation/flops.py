"""The challenge's counter of operations since 2024: fvcore's rules, on a graph of shapes.

The organisers count with fvcore's FlopCountAnalysis, which runs the network to trace it. The same rules on a graph
that is traced on PyTorch's meta device give the same figures without computing a single pixel. An operation is one
multiply-accumulate. What fvcore has no rule for costs nothing: activations, sums, products, max pooling, softmax.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import Interpreter
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.node import Target

aten = torch.ops.aten


def count_flops(network: nn.Module, image: Tensor) -> int:
    """Operations of ``network`` in eval mode on ``image``, both on the meta device.

    As in fvcore's traced graph, an operation whose result never reaches the output is not counted.
    """
    with torch.no_grad():
        traced = make_fx(network, pre_dispatch=True)(image)
        traced.graph.eliminate_dead_code()
        counter = _FlopCounter(traced)
        counter.run(image)
    return counter.flops


class _FlopCounter(Interpreter):
    """Runs a graph of aten operations and adds up what ``RULES`` say of each."""

    def __init__(self, traced: torch.fx.GraphModule) -> None:
        super().__init__(traced)
        self.flops = 0

    def call_function(self, target: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = super().call_function(target, args, kwargs)
        rule = RULES.get(getattr(target, "overloadpacket", None))
        if rule is not None:
            self.flops += rule(output, *args)
        return output


def _convolution(output: Tensor, x: Tensor, weight: Tensor, *_: Any) -> int:
    return x.shape[0] * weight.numel() * math.prod(output.shape[2:])


def _transposed_convolution(output: Tensor, x: Tensor, weight: Tensor, *_: Any) -> int:
    return x.shape[0] * weight.numel() * math.prod(x.shape[2:])


def _linear(output: Tensor, x: Tensor, weight: Tensor, *_: Any) -> int:
    return x.numel() * weight.shape[0]


def _product(output: Tensor, a: Tensor, b: Tensor) -> int:
    return a.numel() * b.shape[-1]


def _product_with_sum(output: Tensor, bias: Tensor, a: Tensor, b: Tensor) -> int:
    return a.numel() * b.shape[-1]


def _contraction(output: Tensor, equation: str, factors: Sequence[Tensor], *_: Any) -> int:
    """An einsum: two kinds of a product of matrices exactly, of any other half of what NumPy prints, in four digits.

    NumPy prints what the cheapest order of contractions costs, products and sums.
    """
    letters = dict.fromkeys(letter for letter in equation if letter.isalpha())
    plain = equation.replace(" ", "").translate({ord(letter): ord("a") + place for place, letter in enumerate(letters)})
    if plain == "abc,abd->acd":
        return factors[0].numel() * factors[1].shape[-1]
    if plain == "abc,adc->adb":
        return factors[0].numel() * factors[1].shape[1]
    shapes = [np.broadcast_to(np.float32(0), factor.shape) for factor in factors]
    told = np.einsum_path(plain, *shapes, optimize="optimal")[1]
    (cost,) = re.findall(r"Optimized FLOP count:\s*(\S+)", told)
    return math.floor(float(cost) / 2)


def _batch_norm(output: Tensor, x: Tensor, weight: Tensor | None, *_: Any) -> int:
    return x.numel() * (1 if weight is None else 2)


def _instance_norm(output: Tensor, x: Tensor, weight: Tensor | None, *_: Any) -> int:
    return x.numel() * (4 if weight is None else 5)


def _layer_or_group_norm(output: Tensor, x: Tensor, _over: Any, weight: Tensor | None = None, *_: Any) -> int:
    return x.numel() * (4 if weight is None else 5)


def _pooled_average(output: Tensor, x: Tensor, *_: Any) -> int:
    return x.numel()


def _nearest(output: Tensor, *_: Any) -> int:
    return output.numel()


def _bilinear(output: Tensor, *_: Any) -> int:
    return 4 * output.numel()


RULES: dict[Any, Callable[..., int]] = {
    aten.conv2d: _convolution,
    aten.conv_transpose2d: _transposed_convolution,
    aten.linear: _linear,
    aten.matmul: _product,
    aten.mm: _product,
    aten.bmm: _product,
    aten.addmm: _product_with_sum,
    aten.einsum: _contraction,
    aten.batch_norm: _batch_norm,
    aten.instance_norm: _instance_norm,
    aten.layer_norm: _layer_or_group_norm,
    aten.group_norm: _layer_or_group_norm,
    aten.adaptive_avg_pool2d: _pooled_average,
    aten.upsample_nearest2d: _nearest,
    aten.upsample_bilinear2d: _bilinear,
    aten.grid_sampler: _bilinear,
}
