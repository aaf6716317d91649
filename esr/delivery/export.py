"""``esr export``: a network for other engines, in a file that was held against PyTorch before it was written."""

import copy
import io
import json
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config as symbolic_sizes

from esr.common.errors import EsrError, on_one_line
from esr.common.factor import SCALE
from esr.common.files import sha256_of, whole_file
from esr.delivery.deployed import Deployed, load_deployed
from esr.images.outputs import check_outputs
from esr.inference.onnx_file import INPUT, OUTPUT, silent_exporter, to_onnx, without_onnx

Format = Literal["onnx", "pt2"]
Run = Callable[[Tensor], Tensor]
"""What the exported file makes of a batch (N, 3, H, W)."""

METADATA = "esr.json"  # of a pt2 file
TRACED = (2, 3, 32, 40)  # 1 for the batch would be taken for a constant
AXES = {0: "batch", 2: "height", 3: "width"}
LARGEST_SIDE_TRIED = 64  # px
LONGEST_REASON = 300
LARGEST_DIFFERENCE = {torch.float32: 1e-4, torch.float16: 2e-2}
"""Of the data range, from the network in fp32: rounding, which is taken in another order or a shorter format."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        smallest: px of height and width from which on the file takes images.
        sizes: (N, 3, H, W) on which it was held against PyTorch.
        difference: the largest one, over the data range.
        allowed: what it might have been.
    """

    smallest: int
    sizes: list[tuple[int, int, int, int]]
    difference: float
    allowed: float


def export_weights(
    weights: Path, out: Path, form: Format, fp16: bool, overwrite: bool, network_file: Path | None = None
) -> Exported:
    """Write a weights file's network, in deploy form, with free batch, height and width.

    Args:
        weights: the weights file.
        out: the file to write, whose name ends as ``form`` says.
        form: "onnx", or "pt2" for torch.export's archive.
        fp16: compute, take and give half precision.
        overwrite: whether ``out`` may be there.
        network_file: the network's file, in place of the one that the weights file names.

    Raises:
        EsrError: the weights cannot be loaded, a package is missing, the network cannot be exported for all sizes, or
            what was exported computes something else. Nothing is written then.
    """
    if out.suffix != f".{form}":
        raise EsrError(f"{out} does not end in .{form}; name a file that does, or give another --format")
    check_outputs([out], [weights], overwrite)
    if form == "onnx" and (absent := without_onnx()):
        raise EsrError(f"export to ONNX: {absent}")
    deployed = load_deployed(weights, network_file)
    precision = torch.float16 if fp16 else torch.float32
    program = _free_in_size(deployed, precision)
    smallest = _smallest_side(program, deployed, precision)
    told = _told_of(weights, deployed, precision, smallest)
    content = _onnx(program, precision, told) if form == "onnx" else _pt2(program, told)
    exported = _held_against_torch(_runner(content, form), deployed, precision, smallest)
    with whole_file(out) as temporary:
        temporary.write_bytes(content)
    return exported


def _free_in_size(deployed: Deployed, precision: torch.dtype) -> ExportedProgram:
    """The network as a graph of operators; a size that the graph could not leave free is an error."""
    network = copy.deepcopy(deployed.network).to(precision)
    free = dict.fromkeys(AXES, Dim.DYNAMIC)
    try:
        # As PyTorch's own exporter to ONNX does: else whether a side is 1, or a cut-out contiguous, is taken for fixed.
        knows = hasattr(symbolic_sizes, "backed_size_oblivious")  # PyTorch 2.6 does not
        as_symbols = symbolic_sizes.patch(backed_size_oblivious=True) if knows else nullcontext()  # type: ignore[attr-defined]
        with torch.no_grad(), silent_exporter(), as_symbols:
            return torch.export.export(network, (torch.zeros(TRACED, dtype=precision),), dynamic_shapes=(free,))
    except Exception as error:  # whatever the exporter and a network's code raise
        raise _not_exportable(deployed, on_one_line(error)) from error


def _not_exportable(deployed: Deployed, why: str) -> EsrError:
    return EsrError(
        f"{deployed.name} cannot be exported for images of any size ({why[:LONGEST_REASON]}); "
        "let its forward take no decision by the size of the image, but whether it is too small"
    )


def _smallest_side(program: ExportedProgram, deployed: Deployed, precision: torch.dtype) -> int:
    """The least height and width that the graph takes: a network pads what is smaller, which the graph does not."""
    run = program.module()
    why = ""
    for side in range(1, LARGEST_SIDE_TRIED + 1):
        try:
            with torch.no_grad():
                run(torch.zeros(1, 3, side, side, dtype=precision))
            return side
        except Exception as error:  # a guard's, or an operator's
            why = on_one_line(error)
    raise _not_exportable(deployed, why)


def _told_of(weights: Path, deployed: Deployed, precision: torch.dtype, smallest: int) -> dict[str, str]:
    """What the file says of itself."""
    return {
        "origin": deployed.info.origin,
        "network": deployed.info.network,
        "arguments": json.dumps(deployed.info.arguments, sort_keys=True),
        "scale": str(SCALE),
        "data_range": f"{deployed.info.data_range:g}",
        "channels": "RGB",
        "precision": str(precision).removeprefix("torch."),
        "smallest_side": str(smallest),
        "weights_sha256": sha256_of(weights),
    }


def _onnx(program: ExportedProgram, precision: torch.dtype, told: Mapping[str, str]) -> bytes:
    """The bytes of an ONNX file, with names for the free sizes and the shapes of what is between."""
    import onnx

    model = to_onnx(program, torch.zeros(TRACED, dtype=precision))
    _name_sizes(model.graph)
    model = onnx.shape_inference.infer_shapes(model)
    for key, value in sorted(told.items()):
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _name_sizes(graph: Any) -> None:
    """Batch, height and width by these names, wherever a shape is a sum or product of them."""
    (image,) = graph.input
    given = {image.type.tensor_type.shape.dim[axis].dim_param: name for axis, name in AXES.items()}
    for value in (*graph.input, *graph.output, *graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = re.sub(r"\w+", lambda word: given.get(word[0], word[0]), size.dim_param)


def _pt2(program: ExportedProgram, told: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={METADATA: json.dumps(told, sort_keys=True)})
    return buffer.getvalue()


def _runner(content: bytes, form: Format) -> Run:
    """The exported file, loaded by who would load it."""
    if form == "pt2":
        return torch.export.load(io.BytesIO(content)).module()
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda image: torch.from_numpy(session.run([OUTPUT], {INPUT: image.numpy()})[0])


@torch.no_grad()
def _held_against_torch(run: Run, deployed: Deployed, precision: torch.dtype, smallest: int) -> Exported:
    generator = torch.Generator().manual_seed(0)
    sizes = [(1, 3, smallest, smallest), (2, 3, smallest + 3, smallest + 14), (1, 3, smallest + 49, smallest + 24)]
    allowed, differences = LARGEST_DIFFERENCE[precision], []
    for size in sizes:
        image = (torch.rand(size, generator=generator) * deployed.info.data_range).to(precision)
        expected = deployed.network(image.float())
        try:
            output = run(image).float()
        except Exception as error:  # a guard's, or an engine's
            raise _not_exportable(deployed, on_one_line(error)) from error
        if output.shape != expected.shape:
            raise _not_exportable(deployed, f"{tuple(output.shape)} comes of {size}")
        differences.append(float((output - expected).abs().max()) / deployed.info.data_range)
    largest = max(differences, key=lambda each: each if each == each else float("inf"))
    if not largest < allowed:  # a NaN fails, too
        raise EsrError(
            f"{deployed.name}, exported, differs from PyTorch by {largest:.1e} of the range, more than {allowed:g}; "
            + ("export it without --fp16" if precision == torch.float16 else "try the other --format")
        )
    return Exported(smallest, sizes, largest, allowed)
