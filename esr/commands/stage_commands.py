"""The commands that a driver runs: one per kind of stage."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from esr.commands.options import NetworkOption
from esr.common.errors import EsrError


def code() -> None:
    """Write what the stages depend on of the code (digests that comments do not change) and of their scale."""
    from esr.recipes.graph import read_graph
    from esr.recipes.read import check
    from esr.stages.premises import write_premises

    graph = read_graph()
    check(graph.params)
    write_premises(graph)


def report() -> None:
    """Write the leaderboard: CSV, Markdown and a page."""
    from esr.stages.running import run_stage

    run_stage("report", "")


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
    sizes_of: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The LR sizes of this folder's images, in their mix.")
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
        options = [hr, lr, network, as_json, baseline, size, sizes_of, seconds, device]
        options += [protocol != "esr", modes, flush_l2]
        if len(names) > 1 or any(options):
            raise EsrError(
                f"a row such as {names[0]} says itself what is measured; give options with .safetensors files"
            )
        from esr.stages.running import run_stage

        run_stage("benchmark", names[0])
        return
    from esr.evaluation.benchmark_file import RLFN, Subject, measure_files, measure_modes, timed_size
    from esr.evaluation.benchmark_text import print_json, print_measured
    from esr.evaluation.modes_text import print_modes, print_modes_json
    from esr.recipes.scale import Measuring
    from esr.timing.device import check_flush, choose_device
    from esr.timing.size_mix import read_mix

    if sizes_of and (size or modes):
        raise EsrError("--sizes-of times on the sizes of a folder together; leave out --size and --modes")
    rule = Measuring(sizes=[timed_size(each) for each in size or ["256x256"]], seconds=seconds or 30, narrow=0.002)
    mix = read_mix(sizes_of) if sizes_of else None
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
        subjects, Subject(baseline or RLFN), rule, chosen, protocol == "official", hr, lr, flush_l2, mix
    )
    print_json(measured) if as_json else print_measured(measured)
