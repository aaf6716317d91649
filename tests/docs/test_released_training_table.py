"""docs/released.md shows what the newest records say of going on from SlimRLFN's release."""

import json
import re

import pytest

from tests.tiny_project import ROOT

PAGE = (ROOT / "docs/released.md").read_text()
RECORD = max((ROOT / "benchmarks/records").glob("*-released-training.json"))
DB = json.loads(RECORD.read_text())["results"]["dB"]
ROWS = {
    "fine-tuned here": "slimrlfn-finetuned",
    "pruned by the team": "slimrlfn-pruned",
    "pruned and fine-tuned here": "slimrlfn-pruned-here",
}


def test_each_row_is_so_far_from_the_release() -> None:
    (shown,) = re.findall(r"<!-- released training -->\n(.*?)<!-- /released training -->", PAGE, re.S)
    head, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines()]
    rows = {title: [float(cell) for cell in cells] for title, *cells in lines}
    sets = ["div2k-valid" if name == "held out" else name.lower() for name in head[1:]]
    release = [DB["slimrlfn"][name]["psnr"] for name in sets]
    assert sets[-4:] == ["set5", "set14", "bsd100", "urban100"] and RECORD.name in PAGE
    assert rows["released"] == pytest.approx(release, abs=6e-4)
    for title, row in ROWS.items():
        reached = [base + apart for base, apart in zip(release, rows[title], strict=True)]
        assert reached == pytest.approx([DB[row][name]["psnr"] for name in sets], abs=6e-4)


@pytest.mark.parametrize("benchmark", ["released-control-128x16", "released-control-at-the-end"])
def test_loops_beside_each_other(benchmark: str) -> None:
    record = max((ROOT / "benchmarks/records").glob(f"*-{benchmark}.json"))
    found = json.loads(record.read_text())["results"]["dB"]
    mark = benchmark.replace("-", " ")
    (shown,) = re.findall(rf"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", PAGE, re.S)
    head, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines()]
    assert head[2:] == ["Set5", "Set14", "BSD100", "Urban100"] and record.name in PAGE
    loops = [loop for loop in ("esr", "plain", "plain, esr's crops") if loop in found]
    for (_, seeds, *cells), loop in zip(lines, loops, strict=True):
        assert int(seeds) == len(found[loop])
        for cell, name in zip(cells, head[2:], strict=True):
            gains = sorted(of_seed[name.lower()] for of_seed in found[loop].values())
            expected = [sum(gains) / len(gains), gains[0], gains[-1]]
            assert [float(each) for each in re.findall(r"[+-][\d.]+", cell)] == pytest.approx(expected, abs=6e-4)


def test_the_recipe_s_patches_in_two_batches() -> None:
    (shown,) = re.findall(r"<!-- (released control by patches of 640) -->\n(.*?)<!-- /\1 -->", PAGE, re.S)
    _, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown[1].splitlines()]
    for batch, (title, *cells) in zip((16, 64), lines, strict=True):
        record = max((ROOT / "benchmarks/records").glob(f"*-released-control-640x{batch}.json"))
        found = json.loads(record.read_text())["results"]
        assert (found["patch"], found["rate"], found["photographs"]["images"]) == (640, 1e-4, 61)
        assert title.startswith(f"{found['iterations']} iterations in batches of {found['batch']}")
        assert [float(cell) for cell in cells] == pytest.approx([*found["dB"]["esr"]["0"].values()], abs=6e-4)
