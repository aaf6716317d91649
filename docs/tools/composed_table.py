"""docs/networks.md's table of training through composed kernels, from a record: `python docs/tools/composed_table.py`.

The record is the newest one in benchmarks/records, as `python benchmarks/composed_kernel.py --record` writes it.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/networks.md"
BLOCK = re.compile(r"(?<=<!-- composed kernels -->\n).*?(?=<!-- /composed kernels -->)", re.DOTALL)


def newest_record() -> Path:
    """The last record of the benchmark by its date, which its name begins with."""
    return max((ROOT / "benchmarks/records").glob("*-composed_kernel.json"))


def section(record: Path) -> str:
    """What was measured, in a sentence, and the Markdown table of it."""
    results = json.loads(record.read_text())["results"]
    settings = results["settings"]
    clock = "processor time on one thread" if settings["device"] == "cpu" else "time on a GPU"
    lr = settings["patch"] // 4
    head = (
        f"One training step at batch {settings['batch']}, LR {lr}x{lr}, fp32, images per second of {clock}, and the\n"
        f"median ratio of {settings['rounds']} rounds of the two in turn (`benchmarks/records/{record.name}`):"
    )
    lines = ["| | composed | branch by branch | times |", "|---|---|---|---|"]
    for name, each in results["networks"].items():
        composed, branches = each["composed_images_per_s"], each["branches_images_per_s"]
        lines.append(f"| {name} | {composed:#.3g} | {branches:#.3g} | {each['ratio']:.1f} |")
    return "\n".join([head, "", *lines]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(BLOCK.sub(lambda _: section(newest_record()), PAGE.read_text()))
