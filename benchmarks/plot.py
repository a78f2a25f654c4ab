"""Draw what `python -m benchmarks.queues --json FILE` wrote: drain.svg, cost.svg, latency.svg.

python -m benchmarks.plot FILE docs/images [--format png]

Every queue is drawn at the setting that is best in that figure, on a white ground: so it can be read on a dark page too.
"""
# matplotlib leaves much without a type:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.ticker import NullLocator, StrMethodFormatter

from benchmarks.queues import Line, medians, read
from benchmarks.workloads import Figures

OURS, THEIRS = "#2f6f4f", "#8a929b"
NAMED = {
    "winch": "winch", "rq": "RQ (SimpleWorker)", "celery": "Celery", "dramatiq": "Dramatiq", "huey": "Huey", "saq": "SAQ",
    "taskiq": "taskiq", "arq": "arq", "bullmq": "BullMQ",
}  # fmt: skip
STORES = {"redis": "Redis", "sqlite": "SQLite"}
NOT_COMPARED = {"dropped", "logged"}
"""Settings that keep nothing, which few have, or that only add a cost."""
PLAIN = StrMethodFormatter("{x:,g}")
STYLE = {"svg.fonttype": "none", "font.family": "sans-serif", "svg.hashsalt": "winch"}

Bar = tuple[str, bool, Figures]
"""A queue's name, whether it is winch, its figures."""


def main() -> int:
    """Draw all that the file has. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--format", choices=["svg", "png"], default="svg")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    lines = read(options.source)
    with plt.rc_context(STYLE):
        for name, draw in (("drain", _draw_drain), ("cost", _draw_cost), ("latency", _draw_latency)):
            if figure := draw(lines):
                metadata = {"Date": None} if options.format == "svg" else None
                figure.savefig(options.folder / f"{name}.{options.format}", metadata=metadata)
    return 0


def _draw_drain(lines: list[Line]) -> Any:
    bars = _best(lines, "drain", "jobs/s", is_most=True)
    figure, axes = _axes(bars, "no-op jobs per second, one worker process, each queue at its fastest setting")
    rates = [figures["jobs/s"] for _, _, figures in bars]
    drawn = axes.barh(range(len(bars)), rates, color=[OURS if is_ours else THEIRS for _, is_ours, _ in bars])
    axes.bar_label(drawn, labels=[f"{rate:,.0f}" for rate in rates], padding=4, fontsize=9)
    axes.xaxis.set_major_formatter(PLAIN)
    axes.set_xlim(right=max(rates, default=1) * 1.15)
    return _finished(figure, bars)


def _draw_cost(lines: list[Line]) -> Any:
    bars = _best(lines, "drain", "us per job", is_most=False)
    figure, axes = _axes(
        bars, "us of processor time per no-op job (log scale): dot all, ring the part of the Redis server"
    )
    for place, (_, is_ours, figures) in enumerate(bars):
        total, store = figures["us per job"], figures["of the store"]
        color = OURS if is_ours else THEIRS
        axes.plot(total, place, "o", color=color, markersize=8)
        if store:
            axes.plot(store, place, "o", color=color, markersize=6, fillstyle="none")
        axes.annotate(f"{total:,.0f}", (total, place), (8, -3), textcoords="offset points", fontsize=9)
    _scale(axes)
    axes.set_xlim(right=max((figures["us per job"] for _, _, figures in bars), default=1) * 2)
    return _finished(figure, bars)


def _draw_latency(lines: list[Line]) -> Any:
    bars = _best(lines, "latency", "p50 ms", is_most=False)
    figure, axes = _axes(bars, "ms from the call to the start, idle worker (log scale): dot p50, bar to p99")
    for place, (_, is_ours, figures) in enumerate(bars):
        half, most = figures["p50 ms"], figures["p99 ms"]
        color = OURS if is_ours else THEIRS
        axes.plot([half, most], [place, place], color=color, linewidth=5, alpha=0.5, solid_capstyle="butt")
        axes.plot(half, place, "o", color=color, markersize=8)
        axes.annotate(f"{half:.1f} / {most:,.1f}", (most, place), (8, -3), textcoords="offset points", fontsize=9)
    _scale(axes)
    axes.set_xlim(right=max((figures["p99 ms"] for _, _, figures in bars), default=1) * 4)
    return _finished(figure, bars)


def _best(lines: list[Line], workload: str, figure: str, *, is_most: bool) -> list[Bar]:
    """The best setting of each queue on each store, the best of all last: bars are drawn from below."""
    sign = 1 if is_most else -1
    best: dict[tuple[str, str], Figures] = {}
    for (queue, store, setting), figures in medians(lines, workload).items():
        if setting in NOT_COMPARED or queue == "bare":
            continue
        known = best.get((queue, store))
        if known is None or sign * figures[figure] > sign * known[figure]:
            best[queue, store] = figures
    ordered = sorted(best.items(), key=lambda item: sign * item[1][figure])
    return [(f"{NAMED[queue]}, {STORES[store]}", queue == "winch", figures) for (queue, store), figures in ordered]


def _axes(bars: list[Bar], label: str) -> tuple[Any, Any]:
    figure, axes = plt.subplots(figsize=(7.5, 0.36 * len(bars) + 0.8), facecolor="white")
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.set_xlabel(label, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _scale(axes: Any) -> None:
    """A log scale with plain numbers at the powers of ten."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(PLAIN)
    axes.xaxis.set_minor_locator(NullLocator())


def _finished(figure: Any, bars: list[Bar]) -> Any:
    """None where there was nothing to draw."""
    figure.tight_layout()
    return figure if bars else None


if __name__ == "__main__":
    sys.exit(main())
