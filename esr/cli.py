"""The command line: a command per kind of stage, and the tools that a person uses by hand. It parses and calls."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from esr.common.errors import EsrError, Terminated, is_out_of_memory, printable
from esr.sources.use import Use

app = typer.Typer(
    help="Rebuild, prune, fuse and measure entries of the NTIRE Efficient Super-Resolution challenge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

STAGES = "Stages (run by Snakemake and DVC)"
TOOLS = "Tools"

NetworkOption = Annotated[
    Path | None,
    typer.Option("--network", metavar="FILE.py", help="Take this file for the network of the weights file; it is run."),
]
Key = Annotated[str, typer.Argument(help="The row of params.yaml.")]


def _stage(kind: str, about: str) -> None:
    """Add the command of a kind of stage."""

    def command(key: Key) -> None:
        from esr.stages.running import run_stage

        run_stage(kind, key)

    app.command(kind, help=about, rich_help_panel=STAGES)(command)


_stage("download", "Fetch a source of images and list it in a manifest.")
_stage("crop", "Cut a source's images to multiples of 4 and pack them with their LR.")
_stage("join", "Make one set of two, without a copy.")
_stage("teacher", "Train a teacher.")
_stage("distill", "Train an entry's first phase under a teacher.")
_stage("train", "Train an entry's first phase.")
_stage("finetune", "Train a further phase from the weights of the one before.")
_stage("prune", "Remove channels and fine-tune, until the PSNR passes a limit of the row.")
_stage("fuse", "Turn re-parameterisable convolutions into plain ones.")


@app.command(rich_help_panel=STAGES)
def benchmark(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY | WEIGHTS...", help="The row of params.yaml; or .safetensors files, networks' .py."
        ),
    ],
    baseline: Annotated[
        Path | None, typer.Option(help="What times are held against: weights, or a network's .py.  [default: RLFN]")
    ] = None,
    protocol: Annotated[
        Literal["esr", "official"], typer.Option(help="In turns with the baseline; or as the challenge's script does.")
    ] = "esr",
    size: Annotated[
        list[str] | None, typer.Option(metavar="HxW", help="LR size; may be given again.  [default: 256x256]")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, max=86_400, help="Spent on the rounds of a size, at most.  [default: 30]"),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.  [default: a GPU if there is one]")] = None,
    modes: Annotated[
        bool, typer.Option("--modes", help="Hold each network's execution modes side by side, in place of a baseline.")
    ] = False,
    flush_l2: Annotated[bool, typer.Option("--flush-l2", help="Empty the GPU's L2 cache before every pass.")] = False,
    hr: Annotated[Path | None, typer.Option(help="Folder of HR images to score weights files on.")] = None,
    lr: Annotated[Path | None, typer.Option(help="Folder of their LR images; else they are made.")] = None,
    network: NetworkOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Measure complexity, quality and run time: of a row (a stage), or of any weights files, in any folder."""
    if not any(name.endswith((".safetensors", ".py")) for name in names):
        options = [hr, lr, network, as_json, baseline, size, seconds, device, protocol != "esr", modes, flush_l2]
        if len(names) > 1 or any(options):
            raise EsrError(
                f"a row such as {names[0]} says itself what is measured; give options with .safetensors files"
            )
        from esr.stages.running import run_stage

        run_stage("benchmark", names[0])
        return
    from esr.evaluation.benchmark_file import RLFN, Subject, measure_files, measure_modes
    from esr.evaluation.benchmark_text import print_json, print_measured
    from esr.evaluation.complexity_table import sides
    from esr.evaluation.modes_text import print_modes, print_modes_json
    from esr.recipes.scale import Measuring
    from esr.timing.device import check_flush, choose_device

    rule = Measuring(sizes=[sides(each) for each in size or ["256x256"]], seconds=seconds or 30, narrow=0.002)
    subjects, chosen = [Subject(Path(name), network) for name in names], choose_device(device)
    check_flush(flush_l2, chosen)
    if modes:
        if baseline or hr or lr or protocol != "esr":
            raise EsrError("--modes holds a network against itself; leave out --baseline, --protocol, --hr and --lr")
        compared = measure_modes(subjects, rule, chosen, flush_l2)
        print_modes_json(compared) if as_json else print_modes(compared)
        return
    if flush_l2 and protocol != "esr":
        raise EsrError("--flush-l2 is no part of the challenge's protocol; leave it out")
    measured = measure_files(
        subjects, Subject(baseline or RLFN), rule, chosen, protocol == "official", hr, lr, flush_l2
    )
    print_json(measured) if as_json else print_measured(measured)


@app.command(rich_help_panel=STAGES)
def code() -> None:
    """Write what the stages depend on of the code (digests that comments do not change) and of their scale."""
    from esr.recipes.graph import read_graph
    from esr.recipes.read import check
    from esr.stages.premises import write_premises

    graph = read_graph()
    check(graph.params)
    write_premises(graph)


@app.command(rich_help_panel=STAGES)
def report() -> None:
    """Write the leaderboard: CSV, Markdown and a page."""
    from esr.stages.running import run_stage

    run_stage("report", "")


@app.command(rich_help_panel=TOOLS)
def run(
    profile: Annotated[
        list[str] | None,
        typer.Option(help="Of Snakemake, for a cluster: slurm, apptainer, or yours; may be given again."),
    ] = None,
) -> None:
    """Run everything that is not up to date, through Snakemake, and print the leaderboard."""
    from esr.stages.driving import run_everything

    raise typer.Exit(run_everything(profile or []))


@app.command(rich_help_panel=TOOLS)
def sync(
    dvc: Annotated[bool, typer.Option("--dvc", help="Bring only DVC's record up to date.")] = False,
) -> None:
    """Bring Snakemake's and DVC's records up to date from each other."""
    from esr.stages.syncing import sync_records

    stale = sync_records(only_dvc=dvc)
    if not dvc:
        print(f"Not up to date: {', '.join(sorted(stale))}" if stale else "Every stage is up to date for both drivers.")


@app.command(rich_help_panel=TOOLS)
def track() -> None:
    """Send to MLflow what it has missed, such as while its server was down."""
    from esr.tracking.mirror import send_all, shown, tracking_uri

    unsent = send_all()
    if unsent:
        raise EsrError(unsent)
    print(f"MLflow has everything: {shown(tracking_uri())}")


@app.command(rich_help_panel=TOOLS)
def trace(
    row: Annotated[str, typer.Argument(help="A line of the leaderboard, such as slimrlfn.")],
    column: Annotated[str, typer.Argument(help="Of leaderboard.csv, such as psnr; else the whole line.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Go back from a number to every stage behind it, and say whether what lies on disk still matches."""
    from esr.stages.tracing import trace as trace_cell
    from esr.stages.tracing_text import print_trail
    from esr.tracking.finding import find_runs

    trail = trace_cell(row, column)
    runs, trouble = find_runs(stage.run for stage in trail.stages)
    if trouble:
        print(printable(trouble), file=sys.stderr)
    print_trail(trail, runs, as_json)


@app.command(rich_help_panel=TOOLS)
def verify(
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="[default: workflow/records/SCALE.json]")] = None,
    psnr: Annotated[float, typer.Option(min=0, max=100, help="dB that a PSNR may lie from the recorded one.")] = 0.1,
    write: Annotated[
        bool, typer.Option("--write", help="Record the finished run here, for others to compare.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Hold a finished run against the committed record, and name the first stage at which the two part."""
    from esr.stages import verifying
    from esr.stages.verifying_text import print_verification

    if write:
        if record or as_json:
            raise EsrError("--write records the run under workflow/records/; leave out --record and --json")
        print(f"Recorded in {verifying.write()}")
        return
    found = verifying.verify(record, psnr)
    print_verification(found, as_json)
    raise typer.Exit(0 if found.agrees else 1)


@app.command(rich_help_panel=TOOLS)
def crate(
    out: Annotated[Path, typer.Argument(metavar="OUT.zip", help="The file to write.")],
    agent: Annotated[str, typer.Option(metavar="NAME", help="Who ran it; else nobody is named.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.zip if it is there.")] = False,
) -> None:
    """Pack a finished run as a Workflow Run RO-Crate, which a paper can cite: files, and how each was made."""
    from esr.images.outputs import check_outputs
    from esr.stages.crate import write_crate

    if out.suffix != ".zip":
        raise EsrError(f"{printable(str(out))} is no ZIP; give a name that ends in .zip")
    check_outputs([out], [], overwrite)
    print(printable(f"{out}: {write_crate(out, agent)} files"))


@app.command(rich_help_panel=TOOLS)
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


@app.command(rich_help_panel=TOOLS)
def upscale(
    weights: Annotated[Path, typer.Argument(help="A weights file.")],
    source: Annotated[Path, typer.Argument(metavar="IMAGE_OR_FOLDER", help="What to enlarge.")],
    out: Annotated[Path, typer.Argument(help="Folder to write to, or NAME.png for one image.")],
    tile: Annotated[int | None, typer.Option(help="Work in tiles of so many LR px; else as memory allows.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    largest_side: Annotated[int, typer.Option(help="Refuse images with more px on a side.")] = 16_384,
    network: NetworkOption = None,
) -> None:
    """Make images four times as large."""
    from esr.inference.upscale import upscale_files

    upscale_files(weights, source, out, tile, overwrite, largest_side, network)


@app.command(rich_help_panel=TOOLS)
def downscale(
    hr: Annotated[Path, typer.Argument(metavar="HR_DIR", help="Folder of HR images.")],
    lr: Annotated[Path, typer.Argument(metavar="LR_DIR", help="Folder to write to.")],
    clamp_edges: Annotated[
        bool, typer.Option("--clamp-edges", help="Continue images by their edge pixels, not mirrored.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Make the LR set of a folder of HR images, by MATLAB's bicubic."""
    from esr.images.downscale import downscale_folder

    downscale_folder(hr, lr, "clamp" if clamp_edges else "mirror", overwrite)


@app.command(rich_help_panel=TOOLS)
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


@app.command(rich_help_panel=TOOLS)
def challenge(
    checkout: Annotated[Path, typer.Argument(help="An organisers' repository, or a folder with its files.")],
    year: Annotated[int | None, typer.Option(help="Of the challenge; else what its files say.")] = None,
    run: Annotated[
        str | None, typer.Option(metavar="00,21", help="Load these networks by the teams' code and count; or all.")
    ] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Run the teams' code, which may read your files.")] = False,
    hr: Annotated[
        Path | None, typer.Option(help="With --run: HR images to score on, and to take run times beside the baseline.")
    ] = None,
    lr: Annotated[Path | None, typer.Option(help="Folder of their LR images; else they are made.")] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="HxW", help="LR size of esr's protocol; again for more. [default: 256x256]"),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, max=86_400, help="Spent on the turns of a size, at most.  [default: 30]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Recompute the organisers' table, read it fairly, and say where the two differ and why."""
    if run is not None:
        from esr.challenge.checkout import year_of
        from esr.challenge.formulas import FORMULAS
        from esr.challenge.strangers import TRUST, count_strangers, measure_strangers
        from esr.challenge.strangers_text import print_strangers
        from esr.evaluation.complexity_table import sides
        from esr.recipes.scale import Measuring

        if not trust:
            raise EsrError(TRUST)
        if hr is None:
            if lr or size or seconds:
                raise EsrError("--lr, --size and --seconds belong to what is measured on images; give --hr too")
            print_strangers(count_strangers(checkout, run), None, as_json)
            return
        rule = Measuring(sizes=[sides(each) for each in size or ["256x256"]], seconds=seconds or 30, narrow=0.002)
        formula = FORMULAS.get(year or year_of(checkout))
        print_strangers(measure_strangers(checkout, run, hr, lr, rule), formula, as_json)
        return
    if trust or hr or lr or size or seconds:
        raise EsrError("--trust, --hr, --lr, --size and --seconds belong to --run; name networks by --run 00,21")
    from esr.challenge.challenge_text import print_challenge
    from esr.challenge.checkout import read_checkout
    from esr.challenge.remarks import remarks
    from esr.challenge.standing import standings_of

    read = read_checkout(checkout, year)
    teams = standings_of(read)
    print_challenge(read, teams, remarks(read, teams), as_json)


@app.command(rich_help_panel=TOOLS)
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
        write_layers_figure(plot, weights.stem, costs)
    print_layers_json(weights.stem, costs) if as_json else print_layers(weights.stem, costs)


@app.command("import", rich_help_panel=TOOLS)
def import_(
    name: Annotated[
        str,
        typer.Argument(
            help="The row of params.yaml; or rlfn, slimrlfn, r2net, ifadnet, ripfdn, rfdn, fmen, safmn, span, spanv2."
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


@app.command(rich_help_panel=TOOLS)
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

    written = write_submission(entry, Layout(year or LATEST, team, name), out, network)
    print(f"{printable(str(out))}: {', '.join(written)}")
    print(f"{name} computes there what it does here, bit for bit. Put the lines of select_model.txt into test_demo.py.")


@app.command(rich_help_panel=TOOLS)
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


@app.command(rich_help_panel=TOOLS)
def inspect(
    path: Annotated[Path, typer.Argument(help="A manifest, a store, or the folder that holds them.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read every image and compare its hash.")] = False,
) -> None:
    """Say what a source or a packed set holds."""
    from esr.sources.inspection import inspect as describe

    print(describe(path, verify))


@app.command(rich_help_panel=TOOLS)
def data(
    hr: Annotated[Path, typer.Argument(metavar="HR_FOLDER", help="Folder of your HR images, with its subfolders.")],
    lr: Annotated[Path | None, typer.Option(help="Folder of their LR images; else cropping makes them.")] = None,
    name: Annotated[str, typer.Option(help="Of the rows.")] = "mine",
    use: Annotated[Use, typer.Option(help="What the images are for.")] = Use.training,
    join: Annotated[
        str | None,
        typer.Option(metavar="SET", help="Join them to this set.  [default: df2k, or scored, where there is one]"),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw random training patches, LR beside HR.")
    ] = None,
    patch: Annotated[int | None, typer.Option(help="HR px of the sheet's patches.  [default: 256 if it fits]")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="Of the sheet's patches.")] = 0,
    verify: Annotated[bool, typer.Option("--verify", help="Decode every image, as cropping will.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Put the rows into params.yaml.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE.png if it is there.")] = False,
) -> None:
    """Say what a folder of images holds and what would be refused, and give the rows that train on it."""
    from esr.planning.folder import SheetWanted, look_at_folder
    from esr.planning.own_data import OwnData

    if sheet is None and (patch is not None or seed or overwrite):
        raise EsrError("--patch, --seed and --overwrite belong to a sheet; give --sheet FILE.png, too")
    wanted = SheetWanted(sheet, patch, seed, overwrite) if sheet else None
    look_at_folder(OwnData(name, use, hr, lr, join), wanted, verify, write)


@app.command(rich_help_panel=TOOLS)
def accept(
    stages: Annotated[list[str] | None, typer.Argument(help="Such as finetune@slimrlfn-640; none: all.")] = None,
    *,
    because: Annotated[str, typer.Option(help="Why the edit changes no result; recorded in accepted.jsonl.")],
) -> None:
    """Take outputs for made by the present code, after an edit that changes no result."""
    from esr.stages.accepting import accept as accept_edit
    from esr.stages.syncing import sync_records

    accepted = accept_edit(stages or [], because)
    print(f"Accepted: {', '.join(accepted) or 'nothing, no stage differs in code alone'}")
    sync_records()


@app.command(rich_help_panel=TOOLS)
def checkpoints(
    free: Annotated[bool, typer.Option("--free", help="Delete those that nothing would go on from.")] = False,
) -> None:
    """List what unfinished trainings have saved in .esr/checkpoints, and what of it is of no use any more."""
    from esr.stages.saved_states import print_checkpoints

    print_checkpoints(free)


ScaleOption = Annotated[str | None, typer.Option(help="demo, pilot, paper, or another; else the one of params.yaml.")]


@app.command(rich_help_panel=TOOLS)
def recipe(
    entry: Annotated[str, typer.Argument(help="The entry, such as slimrlfn.")],
    scale: ScaleOption = None,
) -> None:
    """Show an entry's phases: what the factsheet says, and what runs at a scale."""
    from esr.planning.phases import at_scale
    from esr.planning.recipe import print_recipe
    from esr.recipes.graph import PARAMS_FILE

    print_recipe(*at_scale(scale), PARAMS_FILE, entry)


@app.command(rich_help_panel=TOOLS)
def plan(
    scale: ScaleOption = None,
    entry: Annotated[list[str] | None, typer.Option(help="Only this entry; may be given again. Else all.")] = None,
) -> None:
    """Measure a few iterations of every phase, and tell what a scale would take on this machine."""
    from esr.planning.phases import at_scale
    from esr.planning.scale_plan import make_plan
    from esr.planning.show import print_plan

    graph, params = at_scale(scale)
    print_plan(make_plan(graph, params, entry or []), params)


@app.command(rich_help_panel=TOOLS)
def schema() -> None:
    """Print the JSON schema of params.yaml, which editors and Snakemake check it by."""
    from esr.recipes.schema import params_schema

    print(params_schema(), end="")


def main() -> None:
    """Run a command; bad input, a file system that refuses and too little memory end in one line and exit code 2."""
    from esr.images.pillow_limit import lift_pillows_limit

    try:
        lift_pillows_limit()
        if "" in sys.argv[1:]:  # as a path it would mean the current folder
            raise EsrError("an argument is empty; is a variable of the shell unset?")
        try:
            app()
        finally:
            sys.stdout.flush()  # now: at exit, a full disk would end in a traceback
    except EsrError as error:
        _end(str(error), 2)
    except Terminated as stop:
        _end(str(stop), stop.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader has closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            what = error.filename if error.filename is not None else "a file"
            _end(f"{what}: {error.strerror}; make room, or make it readable and writable, then run again", 2)
        if is_out_of_memory(error):
            _end("memory does not suffice; end other programs, or give less to do at once", 2)
        raise


def _end(why: str, code: int) -> NoReturn:
    print(f"esr: {printable(why)}", file=sys.stderr)
    sys.exit(code)
