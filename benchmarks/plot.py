"""Draw jobs per second of every queue from what `python -m benchmarks.queues --json FILE` wrote.

python -m benchmarks.plot FILE docs/images/drain.svg
"""
# matplotlib leaves much without a type:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt

from benchmarks.peers import load

OURS, THEIRS = "#2f6f4f", "#b9bec4"


def main() -> int:
    """Draw the fastest setting of every queue on every store. Returns the exit code."""
    source, target = map(Path, sys.argv[1:])
    rates: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for line in map(json.loads, source.read_text().splitlines()):
        if line["workload"] == "drain" and "figures" in line and line["setting"] != "dropped":
            rates[line["queue"], line["store"], line["setting"]].append(line["figures"]["jobs/s"])
    best: dict[tuple[str, str], float] = {}
    for (queue, store, _), values in rates.items():
        best[queue, store] = max(best.get((queue, store), 0.0), statistics.median(values))
    bars = sorted(best.items(), key=lambda bar: bar[1])
    names = [f"{_name(queue)}, {'SQLite' if store == 'sqlite' else 'Redis'}" for (queue, store), _ in bars]
    figure, axes = plt.subplots(figsize=(7.5, 0.36 * len(bars) + 0.8), facecolor="white")
    drawn = axes.barh(
        names, [rate for _, rate in bars], color=[OURS if key[0] == "winch" else THEIRS for key, _ in bars]
    )
    axes.bar_label(drawn, labels=[f"{rate:,.0f}" for _, rate in bars], padding=4, fontsize=9)
    axes.set_xlabel("no-op jobs per second, one worker process, each queue at its fastest setting")
    axes.set_xlim(right=max(best.values()) * 1.15)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Date": None})
    return 0


def _name(queue: str) -> str:
    return "RQ (SimpleWorker)" if queue == "rq" else load(queue).NAME.split(",")[0]


if __name__ == "__main__":
    sys.exit(main())
