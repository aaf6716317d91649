"""Numbers that the organisers printed, and the means that they printed them from.

Source: results.json and results.txt of Amazingren/NTIRE2024_ESR (6404fa4) and Amazingren/NTIRE2026_ESR (4592ce6), means
rounded to six decimals; the published scores of 2026. ``write`` lays them out as the organisers' script does.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMES = (
    *("valid_ave_psnr", "test_ave_psnr", "valid_ave_runtime", "test_ave_runtime"),
    *("num_parameters", "flops", "activations", "valid_memory", "num_conv"),
)
HEAD = (
    *("Model", "Val PSNR", "Test PSNR", "Val Time [ms]", "Test Time [ms]", "Ave Time [ms]"),
    *("Params [M]", "FLOPs [G]", "Acts [M]", "Mem [M]", "Conv"),
)
MEANS_2024 = {
    "00_RLFN_baseline": (26.955139, 27.069471, 14.943, 9.486488, 0.317218, 19.67486, 80.045184, 467.698242, 39),
}
PRINTED_2024 = {
    "00_RLFN_baseline": "26.96 27.07 14.94 9.49 12.21 0.317 19.67 80.05 467.70 39",
}
MEANS_2026 = {
    "00_SPAN": (26.940388, 27.012206, 8.004025, 7.468771, 0.150688, 9.833808, 41.680896, 705.236816, 22),
    "01_PDS": (26.896448, 26.9936, 6.958888, 6.441813, 0.141748, 9.253683, 39.059456, 369.90332, 18),
    "04_ZenoSR": (26.89706, 27.006071, 47.898943, 43.022381, 0.037786, 2.681119, 153.821184, 364.011719, 102),
    "05_SPANMamba_single_1_4T05": (
        26.902246,
        27.004362,
        39.526017,
        37.529168,
        1.106028,
        33.398194,
        106.954752,
        1469.352051,
        34,
    ),
    "06_HAESR": (27.076204, 27.222649, 88.179108, 83.989035, 0.352869, 26.613292, 503.778144, 1393.230957, 165),
    "009_RFDN_SPAN": (26.912533, 26.982053, 17.35922, 15.960958, 0.346152, 22.600876, 84.54144, 689.301758, 36),
    "10_HFENet": (26.918958, 27.027774, 34.748278, 32.529421, 0.143628, 8.905165, 259.916154, 249.324219, 157),
    "11_VSCINet": (26.896725, 27.027901, 54.008276, 47.564175, 0.051465, 3.298253, 184.127488, 483.956055, 169),
    "12_DWMamba": (26.936981, 27.064562, 104.28048, 108.698814, 0.67364, 19.343745, 119.538864, 971.902832, 143),
    "15_DSCF_Fused": (26.921331, 26.985641, 8.40112, 7.36052, 0.125992, 8.219787, 38.928384, 516.484375, 22),
    "16_PKDSR_FINAL_CKPT": (26.908662, 26.998381, 7.038301, 6.55867, 0.143928, 9.39629, 39.3216, 369.911133, 18),
    "17_AMCANet": (26.897179, 27.017596, 18.735866, 17.781623, 0.086384, 5.243314, 192.174416, 1008.650391, 136),
    "18_DISP": (26.901709, 27.015727, 6.730188, 6.294153, 0.163792, 10.693378, 40.894464, 581.381836, 19),
    "20_ERRN2": (26.900914, 27.00783, 9.835515, 8.909605, 0.245968, 16.062087, 57.67168, 515.42627, 27),
    "21_SAFMN": (26.802364, 26.91425, 131.890973, 127.499934, 0.149248, 9.620355, 176.109568, 322.373535, 107),
    "22_SPANV2_ESR_C2": (26.918728, 27.003516, 5.687407, 4.795524, 0.139104, 1.591738, 42.991616, 417.51416, 18),
}
PRINTED_2026 = {
    "00_SPAN": "26.94 27.01 8.00 7.47 7.74 0.151 9.83 41.68 705.24 22",
    "01_PDS": "26.90 26.99 6.96 6.44 6.70 0.142 9.25 39.06 369.90 18",
    "04_ZenoSR": "26.90 27.01 47.90 43.02 45.46 0.038 2.68 153.82 364.01 102",
    "05_SPANMamba_single_1_4T05": "26.90 27.00 39.53 37.53 38.53 1.106 33.40 106.95 1469.35 34",
    "06_HAESR": "27.08 27.22 88.18 83.99 86.08 0.353 26.61 503.78 1393.23 165",
    "009_RFDN_SPAN": "26.91 26.98 17.36 15.96 16.66 0.346 22.60 84.54 689.30 36",
    "10_HFENet": "26.92 27.03 34.75 32.53 33.64 0.144 8.91 259.92 249.32 157",
    "11_VSCINet": "26.90 27.03 54.01 47.56 50.79 0.051 3.30 184.13 483.96 169",
    "12_DWMamba": "26.94 27.06 104.28 108.70 106.49 0.674 19.34 119.54 971.90 143",
    "15_DSCF_Fused": "26.92 26.99 8.40 7.36 7.88 0.126 8.22 38.93 516.48 22",
    "16_PKDSR_FINAL_CKPT": "26.91 27.00 7.04 6.56 6.80 0.144 9.40 39.32 369.91 18",
    "17_AMCANet": "26.90 27.02 18.74 17.78 18.26 0.086 5.24 192.17 1008.65 136",
    "18_DISP": "26.90 27.02 6.73 6.29 6.51 0.164 10.69 40.89 581.38 19",
    "20_ERRN2": "26.90 27.01 9.84 8.91 9.37 0.246 16.06 57.67 515.43 27",
    "21_SAFMN": "26.80 26.91 131.89 127.50 129.70 0.149 9.62 176.11 322.37 107",
    "22_SPANV2_ESR_C2": "26.92 27.00 5.69 4.80 5.24 0.139 1.59 42.99 417.51 18",
}
SCORES_2026 = {
    "22_SPANV2_ESR_C2": "3.873",
    "01_PDS": "5.835",
    "16_PKDSR_FINAL_CKPT": "5.990",
    "18_DISP": "6.067",
    "15_DSCF_Fused": "7.201",
    "00_SPAN": "7.389",
    "20_ERRN2": "14.263",
}


def results(means: Mapping[str, tuple[float, ...]]) -> dict[str, dict[str, Any]]:
    """A results.json's content, by team."""
    return {team: dict(zip(NAMES, values, strict=True)) for team, values in means.items()}


def write(
    folder: Path, year: int, content: Mapping[str, Mapping[str, Any]], printed: Mapping[str, str] | None = None
) -> Path:
    """Make a checkout: a loader of that year without a branch, results.json, and results.txt where cells are given."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_demo.py").write_text(f'LOG = "NTIRE{year}-EfficientSR.log"\n')
    (folder / "results.json").write_text(json.dumps(content))
    if printed is not None:
        rows = [HEAD, *((team, *cells.split()) for team, cells in printed.items())]
        (folder / "results.txt").write_text("".join("\t".join(f"{cell:10s}" for cell in row) + "\n" for row in rows))
    return folder
