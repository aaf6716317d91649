"""docs/tracing.md on what other instructions of a processor change: benchmarks/other_instructions.py's record."""

from collections import Counter
from textwrap import fill

from recorded import newest_record, read_record, short


def other_instructions() -> str:
    """How the stages compare, and how far PSNR lies apart at most."""
    record = newest_record("other-instructions")
    stages = read_record(record)["results"]["stages"]
    verdicts = Counter(stage["verdict"] for stage in stages.values())
    trained = [
        name for name in stages if name.partition("@")[0] in ("teacher", "train", "distill", "finetune", "prune")
    ]
    same = sum(stages[name]["verdict"] == "same bytes" for name in trained)
    apart = [
        abs(there - here)
        for stage in stages.values()
        for name, (there, here) in stage["figures there and here"].items()
        if name.startswith("psnr")
    ]
    text = (
        "The demo's RLFN, SlimRLFN and R2Net on the same processor with its AVX-512 switched off"
        f" (`benchmarks/other_instructions.py`, `benchmarks/records/{record.name}`): of {len(trained)} trainings"
        f" {same or 'none'} ended with the same bytes; {verdicts['within tolerance']} stages were within the tolerance,"
        f" {verdicts['different'] or 'none'} were different, and PSNR lay {short(max(apart), 3)} dB apart at most."
    )
    return fill(text, 130, break_long_words=False, break_on_hyphens=False) + "\n"
