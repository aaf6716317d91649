"""docs/networks.md shows what the newest record of training through composed kernels holds."""

import json
import re

from tests.tiny_project import ROOT

PAGE = (ROOT / "docs/networks.md").read_text()
RECORD = max((ROOT / "benchmarks/records").glob("*-composed_kernel.json"))


def test_the_table_is_the_record_s() -> None:
    (shown,) = re.findall(r"<!-- composed kernels -->\n(.*?)<!-- /composed kernels -->", PAGE, re.S)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines() if "|" in line]
    recorded = json.loads(RECORD.read_text())["results"]["networks"]
    assert RECORD.name in shown
    assert [row[0] for row in rows[2:]] == list(recorded)
    for name, *figures in rows[2:]:
        each = recorded[name]
        kept = (each["composed_images_per_s"], each["branches_images_per_s"], each["ratio"])
        for figure, value, digits in zip(figures, kept, (3, 3, 2), strict=True):
            assert abs(float(figure) / value - 1) < 0.5 * 10 ** (1 - digits), (name, figure, value)
