"""One image through a network, by the challenge's rule."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from esr.common.errors import EsrError, is_out_of_memory, on_one_line
from esr.images.arrays import Image

NOT_FINITE = "the network gives values that are not finite; train or fetch its weights again"


def super_resolve(network: nn.Module, image: Image, data_range: float) -> Image:
    """Enlarge an image four times: in fp32, clamped, rounded.

    Args:
        network: maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, ``data_range``]; used where and as it is.
        image: uint8 or uint16, HWC, RGB or grey (one channel). Grey goes in as three equal channels and comes out
            as their mean.
        data_range: 1.0 or 255.0.

    Returns:
        (4H, 4W) with the dtype and channels of ``image``.

    Raises:
        EsrError: the network gives values that are not finite, or ends the process.
    """
    with exact_inference(network) as device:
        return to_image(network(to_input(image, data_range, device)), image, data_range)


@contextmanager
def exact_inference(network: nn.Module) -> Iterator[torch.device]:
    """Inference on the network's device, on a GPU with real fp32 (no TF32) and one choice of kernels.

    Raises:
        EsrError: the network ends the process: what was to be made is not there, so that is no success.
    """
    device = next(network.parameters()).device
    in_fp32 = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    try:
        with torch.inference_mode(), in_fp32 if device.type == "cuda" else nullcontext():
            yield device
    except SystemExit as error:
        raise EsrError(f"{type(network).__name__} ends in its forward ({on_one_line(error)}); mend it") from error


@contextmanager
def restoring(name: str | Path) -> Iterator[None]:
    """Name the image in what goes wrong while it is enlarged or scored.

    Raises:
        EsrError: as in the block, or memory does not suffice.
    """
    try:
        yield
    except EsrError as error:
        raise EsrError(f"{name}: {error}") from error
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise EsrError(f"{name}: memory does not hold it; end other programs, or cut it into smaller images") from error


def to_input(image: Image, data_range: float, device: torch.device) -> Tensor:
    """HWC, RGB or grey, as the network takes it: fp32 (1, 3, H, W) in [0, ``data_range``], channels last in memory."""
    x = torch.from_numpy(image.astype(np.float32)).to(device).permute(2, 0, 1)[None]
    x = x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
    return x / (_peak(image) / data_range)


def to_image(output: Tensor, like: Image, data_range: float) -> Image:
    """(1, 3, H, W) in about [0, ``data_range``] as an image of the dtype and channels of ``like``.

    Raises:
        EsrError: a value is not finite.
    """
    if not all(extreme.isfinite() for extreme in torch.aminmax(output)):
        raise EsrError(NOT_FINITE)
    levels = output[0].float().clamp(0, data_range).mul_(_peak(like) / data_range)
    if like.shape[2] == 1:
        levels = levels.mean(dim=0, keepdim=True)
    whole = levels.round_().to(torch.uint8 if like.dtype == np.uint8 else torch.int32)  # fewer bytes to move
    return whole.permute(1, 2, 0).contiguous().cpu().numpy().astype(like.dtype, copy=False)


def _peak(image: Image) -> float:
    return float(np.iinfo(image.dtype).max)
