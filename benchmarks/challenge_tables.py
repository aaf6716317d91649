"""The challenge's own tables, recomputed and read fairly, with every disagreement: what `esr challenge --json` prints.

::

    python benchmarks/challenge_tables.py CHECKOUT...

CHECKOUT is a clone of an organisers' repository: Amazingren/NTIRE2024_ESR, NTIRE2025_ESR, NTIRE2026_ESR. Run times are
the organisers'; nothing is timed here, so the machine may do other things meanwhile.
"""

import sys
from pathlib import Path

from records import write_record

from esr.challenge.challenge_text import as_data
from esr.challenge.checkout import read_checkout
from esr.challenge.remarks import remarks
from esr.challenge.standing import standings_of


def main() -> None:
    """Read every checkout and write a record, by year."""
    results = {}
    for folder in map(Path, sys.argv[1:]):
        checkout = read_checkout(folder)
        teams = standings_of(checkout)
        results[checkout.year] = as_data(checkout, teams, remarks(checkout, teams))
    print(write_record("challenge-tables", __doc__ or "", results))


if __name__ == "__main__":
    main()
