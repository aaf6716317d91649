"""What another set of a processor's instructions changes: a run under it, held against the committed record.

In a fresh clone, on a processor with AVX-512, which these switches turn off::

    export ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2
    snakemake --cores 2 rlfn slimrlfn r2net

and then, from the clone that keeps the record::

    python benchmarks/other_instructions.py CLONE

Kept are the verdict of `esr verify` on every stage that was made, and the figures that differ.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from records import write_record

from esr.audit.verifying import verify
from esr.report.verification import StageCompared


def main() -> None:
    """Compare, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    os.chdir(parser.parse_args().folder)
    found = verify()
    made = {stage.name: _as_data(stage) for stage in found.stages if stage.verdict != "not made"}
    results = {"held against the record of": found.commit, "allowed_db": found.psnr_tolerance, "stages": made}
    print(write_record("other-instructions", __doc__ or "", results))


def _as_data(stage: StageCompared) -> dict[str, Any]:
    figures = {each.name: [each.there, each.here] for each in stage.figures}
    return {"verdict": stage.verdict, "figures there and here": figures}


if __name__ == "__main__":
    main()
