"""SlimRLFN's run time over RLFN's, again and again, by either protocol: the newest record of benchmarks/run_time.py."""

from colours import GREEN, INK, MUTED
from matplotlib.figure import Figure
from recorded import newest_record, read_record
from run_time_ratios import challenge_ratio, own_ratio


def draw_ratios() -> Figure:
    """A line per repeat: esr's ratio with its 95 % interval, and the quotient of the means of the challenge's way."""
    record = read_record(newest_record("run-time-cpu"))
    repeats = record["results"]["repeats"]
    figure = Figure(figsize=(9.4, 4.6), layout="constrained")
    axes = figure.subplots()
    for number, repeat in enumerate(repeats, start=1):
        ratio, theirs = own_ratio(repeat), challenge_ratio(repeat)
        axes.plot([ratio.low, ratio.high], [number, number], color=GREEN, linewidth=3, solid_capstyle="butt")
        axes.plot([ratio.value], [number], "o", color=GREEN, markersize=6, label="esr, with its interval")
        axes.plot([theirs], [number], "D", color=INK, markerfacecolor="none", markersize=6, label="the challenge's way")
    axes.set_ylim(len(repeats) + 0.7, 0.3)
    axes.set_yticks(range(1, len(repeats) + 1))
    axes.set_ylabel("repeat", color=MUTED)
    axes.set_xlabel(f"run time of SlimRLFN / RLFN's, {record['machine']['cores']} CPU cores", color=MUTED)
    axes.tick_params(length=0, colors=MUTED, labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[:2], labels[:2], loc="outside upper right", ncols=2, frameon=False)
    return figure
