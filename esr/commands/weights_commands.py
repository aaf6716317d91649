"""Commands that take a weights file: score, enlarge, count, measure, import, export, submit."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from esr.commands.options import NetworkOption
from esr.common.errors import EsrError, printable


def evaluate(
    hr: Annotated[Path, typer.Option(help="Folder of HR images.")],
    weights: Annotated[Path | None, typer.Argument(help="A weights file; or give --sr.")] = None,
    lr: Annotated[Path | None, typer.Option(help="Folder of their LR images; else they are made.")] = None,
    sr: Annotated[Path | None, typer.Option(help="Folder of finished images to score instead of weights.")] = None,
    rounded_y: Annotated[bool, typer.Option("--rounded-y", help="Round luma, as MATLAB does.")] = False,
    against: Annotated[
        Path | None, typer.Option(metavar="RESULTS.json", help="Hold each image against the organisers' values.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="Whose values of that file, as 00_RLFN_baseline.")] = None,
    network: NetworkOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Score weights, or finished images, by PSNR and SSIM in RGB and in luma, bicubic beside them."""
    from esr.evaluation.evaluate import evaluate_images, evaluate_network
    from esr.evaluation.organisers import hold_against, print_against, read_results
    from esr.evaluation.scores import print_scores

    if team and not against:
        raise EsrError("--team is one of a results.json; give that by --against")
    theirs = read_results(against, team) if against else None
    if weights and not sr:
        scores = evaluate_network(weights, hr, lr, rounded_y, network)
    elif sr and not weights and not network:
        scores = evaluate_images(sr, hr, lr, rounded_y)
    else:
        raise EsrError("evaluate scores one thing; give either a weights file or --sr with a folder alone")
    if theirs:
        print_against(scores, hold_against(scores, theirs), as_json)
    else:
        print_scores(scores, as_json)


def upscale(
    weights: Annotated[Path, typer.Argument(help="A weights file.")],
    source: Annotated[Path, typer.Argument(metavar="IMAGE_OR_FOLDER", help="What to enlarge.")],
    out: Annotated[Path, typer.Argument(help="Folder to write to, or NAME.png for one image.")],
    tile: Annotated[int | None, typer.Option(help="Work in tiles of so many LR px; else as memory allows.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    largest_side: Annotated[int, typer.Option(help="Refuse images with more px on a side.")] = 16_384,
    engine: Annotated[
        Literal["auto", "pytorch", "openvino"], typer.Option(help="What computes; OpenVINO does on a CPU.")
    ] = "auto",
    network: NetworkOption = None,
) -> None:
    """Make images four times as large."""
    from esr.inference.upscale import upscale_files

    files, by = upscale_files(weights, source, out, tile, overwrite, largest_side, network, engine)
    print(printable(f"{out}: {len(files)} image{'s' if len(files) > 1 else ''}, by {by}"))


def complexity(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Networks or weights files; all networks if none.")
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="HxW", help="LR input size.  [default: 256x256]")] = None,
    output_size: Annotated[str | None, typer.Option(metavar="HxW", help="HR output size, in place of --size.")] = None,
    network: NetworkOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Count parameters, operations by both years' counters, activations and convolutions."""
    from esr.evaluation.complexity_table import complexities, lr_size, print_complexities

    print_complexities(complexities(names or [], *lr_size(size, output_size), network), as_json)


def layers(
    weights: Annotated[Path, typer.Argument(help="A weights file in deploy form, or a network's .py.")],
    size: Annotated[str, typer.Option(metavar="HxW", help="LR input size.")] = "256x256",
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads.  [default: every core]")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=86_400, help="Spent on passes, at most.")] = 10,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.  [default: a GPU if there is one]")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw the layers' times.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE.svg if it is there.")] = False,
    network: NetworkOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Say where the time of a network goes: layer by layer, beside what the device could do, and what a cut saves."""
    from esr.evaluation.benchmark_file import Subject
    from esr.evaluation.complexity_table import sides
    from esr.evaluation.layers import measure_layers
    from esr.evaluation.layers_text import print_layers, print_layers_json
    from esr.images.outputs import check_outputs
    from esr.report.layers_figure import write_layers_figure
    from esr.timing.clock import usable_cores
    from esr.timing.device import choose_device

    if plot:
        if plot.suffix != ".svg":
            raise EsrError(f"--plot {plot} is no SVG; give a name that ends in .svg")
        check_outputs([plot], [weights], overwrite)
    subject = Subject(weights, network)
    costs = measure_layers(subject.load(), sides(size), choose_device(device), threads or usable_cores(), seconds)
    if plot:
        write_layers_figure(plot, weights.stem, costs.times)
    print_layers_json(weights.stem, costs) if as_json else print_layers(weights.stem, costs)


def import_(
    name: Annotated[
        str,
        typer.Argument(
            help="The row of params.yaml; or rlfn, slimrlfn, r2net, ifadnet, ripfdn, rfdn, fmen, safmn, span, spanv2, "
            "or foreign (SwinIR, HAT, DAT)."
        ),
    ],
    checkpoint: Annotated[Path | None, typer.Argument(help="The team's released .pth, where it is no row.")] = None,
    out: Annotated[Path | None, typer.Argument(metavar="OUT.safetensors", help="The weights file to write.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it is there.")] = False,
) -> None:
    """Turn a team's released checkpoint into a weights file: that of a row (a stage), or any."""
    if checkpoint is None:
        from esr.stages.running import run_stage

        run_stage("import", name)
        return
    if out is None:
        raise EsrError("import takes a row of params.yaml alone, or a network, its checkpoint and the file to write")
    from esr.images.outputs import check_outputs
    from esr.weights.released import import_checkpoint

    check_outputs([out], [checkpoint], overwrite)
    info = import_checkpoint(name, checkpoint, out)
    print(printable(f"{out}: {info.network} in its deploy form, from the {info.origin}"))


def submission(
    entry: Annotated[str, typer.Argument(metavar="ENTRY | WEIGHTS", help="A benchmarked row, or a .safetensors file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="The folder to make.")],
    team: Annotated[int, typer.Option(help="The team's number.")],
    name: Annotated[str, typer.Option(help="Of the entry, such as SlimRLFN.")],
    year: Annotated[int | None, typer.Option(help="Of the challenge: 2024, 2025 or 2026.  [default: 2026]")] = None,
    network: NetworkOption = None,
) -> None:
    """Write what the organisers of a year ask for: network, checkpoint, loader's branch, command and factsheet."""
    from esr.delivery.organisers_layout import LATEST, Layout
    from esr.delivery.submit import write_submission

    written = write_submission(entry, Layout(LATEST if year is None else year, team, name), out, network)
    print(f"{printable(str(out))}: {', '.join(written)}")
    print(f"{name} computes there what it does here, bit for bit. Put the lines of select_model.txt into test_demo.py.")


def export(
    weights: Annotated[Path, typer.Argument(help="A weights file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, NAME.onnx or NAME.pt2.")],
    form: Annotated[Literal["onnx", "pt2"], typer.Option("--format", help="ONNX, or torch.export's archive.")] = "onnx",
    fp16: Annotated[bool, typer.Option("--fp16", help="Compute, take and give half precision.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it is there.")] = False,
    network: NetworkOption = None,
) -> None:
    """Write a network for other engines, for images of any size, and hold it against PyTorch first."""
    from esr.delivery.export import export_weights

    done = export_weights(weights, out, form, fp16, overwrite, network)
    print(printable(f"{out}: lr (batch, 3, height, width) to sr, height and width from {done.smallest} px on"))
    sizes = ", ".join("x".join(map(str, size)) for size in done.sizes)
    differs = f"differs by {done.difference:.1e} of the range, where {done.allowed:g} is allowed"
    print(f"Held against PyTorch in fp32 on {sizes}: {differs}.")
