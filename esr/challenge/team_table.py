"""The organisers' table: what their script prints of its results, recomputed, and what a results.txt holds.

The script gives PSNRs, run times, FLOPs, activations and memory two decimals, parameters three. Its run times are
arithmetic means over the images, its memory that of the validation set.
"""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from esr.common.errors import EsrError, printable
from esr.evaluation.organisers import TeamResults

MODEL = "Model"
VALID_PSNR, TEST_PSNR = "Val PSNR", "Test PSNR"
VALID_TIME, TEST_TIME, TIME = "Val Time [ms]", "Test Time [ms]", "Ave Time [ms]"
PARAMETERS, FLOPS, ACTIVATIONS, MEMORY, CONVS = "Params [M]", "FLOPs [G]", "Acts [M]", "Mem [M]", "Conv"
DECIMALS = {
    **dict.fromkeys((VALID_PSNR, TEST_PSNR, VALID_TIME, TEST_TIME, TIME), 2),
    PARAMETERS: 3,
    **dict.fromkeys((FLOPS, ACTIVATIONS, MEMORY), 2),
    CONVS: 0,
}
"""The table's columns after the first, in its order, and how many decimals each has."""


def values(team: TeamResults) -> dict[str, float]:
    """What is known of a team in full precision, by column: means are taken over the images where they are listed."""
    known = {
        VALID_PSNR: fmean(team.valid_psnr) if team.valid_psnr else team.valid_ave_psnr,
        TEST_PSNR: fmean(team.test_psnr) if team.test_psnr else team.test_ave_psnr,
        VALID_TIME: fmean(team.valid_runtime) if team.valid_runtime else team.valid_ave_runtime,
        TEST_TIME: fmean(team.test_runtime) if team.test_runtime else team.test_ave_runtime,
        PARAMETERS: team.num_parameters,
        FLOPS: team.flops,
        ACTIVATIONS: team.activations,
        MEMORY: team.valid_memory,
        CONVS: team.num_conv,
    }
    times = [time for time in (known[VALID_TIME], known[TEST_TIME]) if time is not None]
    known[TIME] = fmean(times) if times else None
    return {column: value for column in DECIMALS if (value := known[column]) is not None}


def as_printed(column: str, value: float) -> str:
    """A value as the script prints it in that column."""
    return f"{value:.{DECIMALS[column]}f}"


def read_table(path: Path) -> dict[str, dict[str, str]]:
    """The cells of a ``results.txt`` as they are printed, by team and column; blanks around a cell are dropped.

    Raises:
        EsrError: the file cannot be read, or is no such table.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise EsrError(f"{path} cannot be read ({error.strerror}); make it a readable file") from error
    except UnicodeDecodeError as error:
        raise EsrError(f"{path} is no text; fetch it again") from error
    head, *rows = [[cell.strip() for cell in line.split("\t")] for line in lines] or [[]]
    if head[:1] != [MODEL] or not set(head[1:]) <= set(DECIMALS):
        raise EsrError(f"{path} is no results.txt of the organisers': its head is not theirs; fetch it again")
    table = {}
    for number, row in enumerate(rows, 2):
        if len(row) != len(head) or not all(map(_is_number, row[1:])):
            raise EsrError(
                f"{path}, line {number} ({printable(row[0])}): {len(row)} cells under {len(head)} heads, or one "
                "that is no number; fetch it again"
            )
        table[row[0]] = dict(zip(head[1:], row[1:], strict=True))
    return table


def differences(printed: Mapping[str, str], known: Mapping[str, float]) -> dict[str, str]:
    """The columns whose printed cell is not what the script would print of ``known``, and that in its place."""
    anew = {column: as_printed(column, value) for column, value in known.items() if column in printed}
    return {column: text for column, text in anew.items() if text != printed[column]}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
