"""A run beside a record, in a terminal."""

from collections import Counter
from collections.abc import Iterator

from esr.audit.figures import TOLERANCE
from esr.common.errors import printable
from esr.report.verification import StageCompared, Verification

MOST_FIGURES = 6  # of a stage


def print_verification(found: Verification, as_json: bool) -> None:
    """Print what was found: as JSON and nothing else, or for people."""
    if as_json:
        print(found.model_dump_json(indent=2))
        return
    for line in _lines(found):
        print(printable(line))


def _lines(found: Verification) -> Iterator[str]:
    at = f", a run at {found.commit[:12]}" if found.commit else ""
    yield f"Held against {found.record}{at}."
    yield f"PSNR may differ by {found.psnr_tolerance:g} dB, SSIM by {TOLERANCE['ssim']:g}, counts not at all."
    for verdict, count in Counter(stage.verdict for stage in found.stages).items():
        yield f"{count:5d} {'stage' if count == 1 else 'stages'}: {verdict}"
    if parting := [stage for stage in found.stages if stage.parts]:
        yield "The two part at:"
        for stage in parting:
            yield from _stage(stage)
    for stage in (stage for stage in found.stages if stage.verdict in ("different", "not made") and not stage.parts):
        yield from _stage(stage)
    if found.unrecorded:
        yield f"Not in the record: {', '.join(found.unrecorded)}"
    yield "This run agrees with the record." if found.agrees else "This run does not agree with the record."


def _stage(stage: StageCompared) -> Iterator[str]:
    yield f"  {stage.name}: {stage.verdict}"
    yield from (f"    {path} has other bytes" for path in stage.outputs if stage.parts)
    yield from (f"    {figure.text}" for figure in stage.figures[:MOST_FIGURES])
    yield from (f"    {difference.text}" for difference in stage.differences)
    if stage.parts and not stage.differences:
        yield "    nothing that is recorded differs: no parameter, file, version, processor or number of threads"
