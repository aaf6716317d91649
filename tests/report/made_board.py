"""A leaderboard of three made rows: two of one entry, one of a baseline that is below bicubic."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from esr.common.files import write_json
from esr.evaluation.layers_file import LayerTime, LayerTimes, write_layers
from esr.evaluation.metrics import CELL_HEIGHT, CELL_WIDTH
from esr.recipes.rows import Benchmark, Entry, Published
from esr.report import page, svg
from esr.report.report import Measurements, Reports, rank, report, write_tables
from esr.report.story import Story

SIDE = 8  # of the part of an image that is shown
ENDS = {"low": 63 / 64, "high": 65 / 64}
RLFN, RFDN = "esr/networks/rlfn.py", "esr/networks/rfdn.py"
UNKNOWN, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
COLOURS = ((10, 20, 30), (40, 50, 60), (70, 80, 90), (100, 110, 120))  # of the cells LR, bicubic, entry, HR

LUMA = {"psnr_y": 30.125, "bicubic_y": 29.0, "ssim_y": 0.875, "bicubic_ssim_y": 0.8125}
ASKED = {"div2k-valid": 27.6, "valid-2024": 26.9}
SLIM = Published(psnr_valid=26.914, psnr_test=27.026)
BASE = Published(
    psnr_valid=26.96,
    psnr_test=27.07,
    runtime_ms=13.54,
    runtime_on="RTX 3090",
    parameters_m=0.317,
    flops_g=19.67,
    convs=39,
)


def made_metrics(
    psnr: float,
    time_ms: float,
    ratio: float,
    parameters: int,
    stand_in: bool = True,
    year_ratio: float | None = None,
    doubt: str = "",
) -> dict[str, Any]:
    """What a benchmark on one image would write; bicubic has 27.5 dB, and a year's baseline is the baseline.

    The interval of a ratio reaches from 63/64 to 65/64 of it.
    """
    year_ratio = year_ratio or ratio
    return {
        **{f"ratio_to_baseline_{end}": ratio * part for end, part in ENDS.items()},
        **{f"ratio_to_year_baseline_{end}": year_ratio * part for end, part in ENDS.items()},
        **{f"control_{end}": part for end, part in ENDS.items()},
        "verdict": "faster" if ratio < 1 else "slower",
        "doubt": doubt,
        "throttled": 0,
        "memory_mb": 64.25,
        "more_sizes": [],
        "conditions": {},
        "psnr": psnr,
        "bicubic": 27.5,
        "above_bicubic": psnr - 27.5,
        "ssim": 0.78125,
        "bicubic_ssim": 0.75,
        **LUMA,
        "time_ms": time_ms,
        "baseline_ms": time_ms / ratio,
        "ratio_to_baseline": ratio,
        "year_baseline_ms": time_ms / year_ratio,
        "ratio_to_year_baseline": year_ratio,
        "rounds": 9,
        "input_height": 180,
        "input_width": 320,
        "threads": 2,
        "device": "CPU",
        "parameters": parameters,
        "flops": 11_991_174_144,
        "flops_2023": 12_001_397_760,
        "activations": 74_061_504,
        "convs": 51,
        "stand_in": stand_in,
        "sets": [made_scores("div2k-valid", psnr, stand_in)],
        "crops": [{"name": "chelsea", "top": 0, "left": 4, "height": SIDE, "width": SIDE}],
    }


def made_scores(name: str, psnr: float | None, stand_in: bool) -> dict[str, Any]:
    """A set of one image, or of none where there is no PSNR."""
    if psnr is None:
        return {"name": name, "stand_in": stand_in, "mean": None, "images": []}
    mean = {"psnr": psnr, "bicubic": 27.5, "ssim": 0.78125, "bicubic_ssim": 0.75, **LUMA}
    return {"name": name, "stand_in": stand_in, "mean": mean, "images": [{"name": "chelsea", **mean}]}


def made_strip(images: int = 1) -> Image.Image:
    """A strip of one colour per cell; what is not shown of a cell is white, as in that of a small image."""
    strip = np.full((images * CELL_HEIGHT, 4 * CELL_WIDTH, 3), 255, np.uint8)
    for row in range(images):
        for cell, colour in enumerate(COLOURS):
            top, left = row * CELL_HEIGHT, cell * CELL_WIDTH
            strip[top : top + SIDE, left : left + SIDE] = colour
    return Image.fromarray(strip)


def made_layers(times: dict[str, float]) -> LayerTimes:
    """Layers by their modules, of these times in ms."""
    layers = [
        LayerTime(module=module, kind="conv 3x3 3→48", time_ms=time, least_ms=time / 2, by_memory=False)
        for module, time in times.items()
    ]
    return LayerTimes(width=320, height=180, device="CPU", whole_ms=sum(times.values()), doubt="", layers=layers)


@dataclass
class Board:
    """What a report is made from, in a folder; ``write`` makes the report."""

    folder: Path
    entries: dict[str, Entry] = field(default_factory=dict)
    rows: dict[str, Benchmark] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    stories: dict[str, Story] = field(default_factory=dict)

    def add(self, key: str, entry: str, metrics: dict[str, Any], year_baseline: str = RLFN) -> None:
        self.rows[key] = Benchmark(
            entry=entry,
            network="n.py",
            from_=f"fuse/{key}",
            validation="div2k-valid",
            baseline=RLFN,
            year_baseline=year_baseline,
        )
        write_json(self.metrics(key), metrics)
        made_strip(len(metrics["crops"])).save(self.crops(key), compress_level=1)
        write_layers(self.layers(key), made_layers({"head": 2.0, "tail": 1.0}))
        self.stories.setdefault(key, Story())

    def metrics(self, key: str) -> Path:
        return self.folder / key / "metrics.json"

    def crops(self, key: str) -> Path:
        return self.folder / key / "crops.png"

    def layers(self, key: str) -> Path:
        return self.folder / key / "layers.json"

    @property
    def csv(self) -> Path:
        return self.folder / "leaderboard.csv"

    @property
    def measured(self) -> dict[str, Measurements]:
        return {key: Measurements(self.metrics(key), self.crops(key), self.layers(key)) for key in self.rows}

    def tables(self) -> tuple[str, str]:
        """CSV and Markdown alone."""
        readable = self.folder / "leaderboard.md"
        write_tables(rank(self.entries, self.rows, "demo", self.measured), self.origins, self.csv, readable)
        return self.csv.read_text(encoding="utf-8"), readable.read_text(encoding="utf-8")

    def write(self) -> tuple[str, str, str]:
        """CSV, Markdown and page."""
        names = ("leaderboard.csv", "leaderboard.md", "index.html", "leaderboard.svg", "curves.svg")
        outputs = Reports(*(self.folder / name for name in names))
        report(self.entries, self.rows, "demo", self.measured, self.stories, self.origins, outputs)
        csv, markdown, html = ((self.folder / name).read_text(encoding="utf-8") for name in names[:3])
        return csv, markdown, html

    def write_undrawn(self) -> tuple[str, str, str]:
        """The same with empty figures, for who asks for words: fifteen figures take a second and more to draw."""
        with patch.object(svg, "svg_file", _undrawn), patch.object(page, "svg_file", _undrawn):
            return self.write()


def _undrawn(salt: str, draw: object) -> str:
    return "<svg></svg>\n"


def made_board(folder: Path) -> Board:
    board = Board(folder)
    board.entries = {
        "slimrlfn": Entry(
            title="SlimRLFN", year=2024, validation_set="DIV2K_LSDIR_valid", published=SLIM, thresholds=ASKED
        ),
        "rlfn": Entry(title="RLFN (baseline)", year=2024, validation_set="DIV2K_LSDIR_valid", published=BASE),
    }
    board.add("rlfn", "rlfn", made_metrics(27.25, 300.5, 0.25, 317_218))
    board.add("slimrlfn", "slimrlfn", made_metrics(27.75, 150.25, 0.5, 207_774))
    board.add("slimrlfn-pruned", "slimrlfn", made_metrics(27.625, 140.125, 0.46875, 197_134))
    return board
