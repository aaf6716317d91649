"""Commands that run the graph, and look after its records."""

from typing import Annotated

import typer

from esr.common.errors import EsrError


def run(
    profile: Annotated[
        list[str] | None,
        typer.Option(help="Of Snakemake, for a cluster: slurm, apptainer, or yours; may be given again."),
    ] = None,
) -> None:
    """Run everything that is not up to date, through Snakemake, and print the leaderboard."""
    from esr.driving.driving import run_everything

    raise typer.Exit(run_everything(profile or []))


def sync(
    dvc: Annotated[bool, typer.Option("--dvc", help="Bring only DVC's record up to date.")] = False,
) -> None:
    """Bring Snakemake's and DVC's records up to date from each other."""
    from esr.driving.syncing import sync_records

    stale = sync_records(only_dvc=dvc)
    if not dvc:
        print(f"Not up to date: {', '.join(sorted(stale))}" if stale else "Every stage is up to date for both drivers.")


def track() -> None:
    """Send to MLflow what it has missed, such as while its server was down."""
    from esr.tracking.mirror import send_all, tracking_uri
    from esr.tracking.troubles import shown

    unsent = send_all()
    if unsent:
        raise EsrError(unsent)
    print(f"MLflow has everything: {shown(tracking_uri())}")


def accept(
    stages: Annotated[list[str] | None, typer.Argument(help="Such as finetune@slimrlfn-640; none: all.")] = None,
    *,
    because: Annotated[str, typer.Option(help="Why the edit changes no result; recorded in accepted.jsonl.")],
) -> None:
    """Take outputs for made by the present code, after an edit that changes no result."""
    from esr.driving.syncing import sync_records
    from esr.stages.accepting import accept as accept_edit

    accepted = accept_edit(stages or [], because)
    print(f"Accepted: {', '.join(accepted) or 'nothing, no stage differs in code alone'}")
    sync_records()


def checkpoints(
    free: Annotated[bool, typer.Option("--free", help="Delete those that nothing would go on from.")] = False,
) -> None:
    """List what unfinished trainings have saved in .esr/checkpoints, and what of it is of no use any more."""
    from esr.stages.saved_states import print_checkpoints

    print_checkpoints(free)
