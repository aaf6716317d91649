"""Commands that go back from a number, and hand a finished run on."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from esr.common.errors import EsrError, printable


def trace(
    row: Annotated[str, typer.Argument(help="A line of the leaderboard, such as slimrlfn.")] = "",
    column: Annotated[str, typer.Argument(help="Of leaderboard.csv, such as psnr; else the whole line.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    page: Annotated[bool, typer.Option("--page", help="Write all rows to trace.html beside the report.")] = False,
) -> None:
    """Go back from a number to every stage behind it, and say whether what lies on disk still matches."""
    if page:
        if row or as_json:
            raise EsrError("--page writes the trails of all rows; leave out the row and --json")
        _write_trace_page()
        return
    if not row:
        raise EsrError("name a row of the leaderboard, such as slimrlfn, or give --page")
    from esr.audit.tracing import trace as trace_cell
    from esr.audit.tracing_text import print_trail
    from esr.tracking.finding import find_runs

    trail = trace_cell(row, column)
    runs, trouble = find_runs(stage.run for stage in trail.stages)
    if trouble:
        print(printable(trouble), file=sys.stderr)
    print_trail(trail, runs, as_json)


def _write_trace_page() -> None:
    from esr.audit.writing_traces import write_trace_page
    from esr.recipes.graph import read_graph
    from esr.recipes.read import check

    graph = read_graph()
    written, trouble = write_trace_page(graph, check(graph.params))
    if trouble:
        print(printable(trouble), file=sys.stderr)
    print(written)


def verify(
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="[default: workflow/records/SCALE.json]")] = None,
    psnr: Annotated[float, typer.Option(min=0, max=100, help="dB that a PSNR may lie from the recorded one.")] = 0.1,
    write: Annotated[
        bool, typer.Option("--write", help="Record the finished run here, for others to compare.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Hold a finished run against the committed record, and name the first stage at which the two part."""
    from esr.audit import verifying
    from esr.audit.verifying_text import print_verification

    if write:
        if record or as_json:
            raise EsrError("--write records the run under workflow/records/; leave out --record and --json")
        print(f"Recorded in {verifying.write()}")
        return
    found = verifying.verify(record, psnr)
    print_verification(found, as_json)
    raise typer.Exit(0 if found.agrees else 1)


def crate(
    out: Annotated[Path, typer.Argument(metavar="OUT.zip", help="The file to write.")],
    agent: Annotated[str, typer.Option(metavar="NAME", help="Who ran it; else nobody is named.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.zip if it is there.")] = False,
) -> None:
    """Pack a finished run as a Workflow Run RO-Crate, which a paper can cite: files, and how each was made."""
    from esr.audit.crate import write_crate
    from esr.images.outputs import check_outputs

    if out.suffix != ".zip":
        raise EsrError(f"{printable(str(out))} is no ZIP; give a name that ends in .zip")
    check_outputs([out], [], overwrite)
    print(printable(f"{out}: {write_crate(out, agent)} files"))
