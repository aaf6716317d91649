"""The command that reads an organisers' repository."""

from pathlib import Path
from typing import Annotated

import typer

from esr.common.errors import EsrError


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
        formula = FORMULAS.get(year_of(checkout) if year is None else year)
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
