"""winch beside the queues that one would otherwise pick: one machine, one run.

    make bench ARGS='--json FILE'        everything, once: some 20 minutes
    python -m benchmarks.queues --workloads drain latency --peers winch rq huey
    python -m benchmarks.queues --quick               a tenth of the jobs: shows that it runs, and no more
    python -m benchmarks.queues --table FILE          the tables of an earlier run

That a job ran is proved by what it wrote to a file. Processor time of worker, producer and store is read from the system, so it
holds on a busy machine; rates and latencies are those of the machine at that moment: compare within a run. Every run has a
Redis, or a database file, and a worker of its own, and the rounds go through all queues in turn. Peers that are not
installed and runs that failed are named behind the tables; then the exit code is 1.
"""

from __future__ import annotations

import argparse
import compileall
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.budgets import HEADS, budgets
from benchmarks.measure import machine, table
from benchmarks.peers import FLOOR, NAMES, ROOT, Peer, load
from benchmarks.site import Site
from benchmarks.workloads import WORKLOADS, Figures, takes_part, takes_store

Line = dict[str, Any]


def main() -> int:
    """Measure and print. Returns the exit code."""
    options = _options()
    lines = read(options.table) if options.table else list(_run(options))
    _print(lines)
    return int(any("failed" in line or "skipped" in line for line in lines))


def read(path: Path) -> list[Line]:
    """What `--json` wrote."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def _run(options: argparse.Namespace) -> Iterator[Line]:
    # As pip does with what it installs; winch runs from its folder.
    compileall.compile_dir(ROOT / "src" / "winch", quiet=1)
    for line in _measured(options):
        print(f"  {json.dumps(line)}", flush=True)
        if options.json:
            with options.json.open("a") as file:
                file.write(json.dumps(line) + "\n")
        yield line


def _measured(options: argparse.Namespace) -> Iterator[Line]:
    peers, missing = find(options.peers)
    yield {"machine": machine(), "versions": {peer.NAME: peer.VERSION for peer in peers.values()}}
    yield from missing
    for _ in range(options.rounds):
        for workload in options.workloads:
            for site in _sites(peers, workload, scale=0.1 if options.quick else 1.0):
                yield measure(site, workload)


def find(names: Sequence[str]) -> tuple[dict[str, Peer], list[Line]]:
    """The adapters of those that are installed, and a line for each of the others."""
    peers: dict[str, Peer] = {}
    missing: list[Line] = []
    for name in names:
        try:
            peers[name] = load(name)
        except ImportError as error:
            missing.append({"skipped": name, "why": str(error)})
    return peers, missing


def measure(site: Site, workload: str) -> Line:
    """One run, with its figures or the reason why there are none. The words for the tables are those of the moment."""
    peer = load(site.name)
    line: Line = {"workload": workload, "queue": site.name, "store": site.store, "setting": site.setting}
    line |= {"name": peer.NAME, "what": peer.SPEEDS[site.setting]}
    try:
        with site.open():
            line["figures"] = WORKLOADS[workload](site)
    except Exception as error:
        line["failed"] = f"{type(error).__name__}: {error}"[-300:]
    return line


def _sites(peers: dict[str, Peer], workload: str, scale: float) -> Iterator[Site]:
    for name, peer in peers.items():
        for store in peer.STORES:
            for setting in peer.SPEEDS:
                if takes_part(name, setting, workload) and takes_store(store, workload):
                    yield Site(name, store, setting, scale)


def _print(lines: list[Line]) -> None:
    """A table of medians per workload, what they say of the budgets, the versions, and what gave no figures."""
    words = {(line["queue"], line["setting"]): (line["name"], line["what"]) for line in lines if "name" in line}
    for workload in dict.fromkeys(line["workload"] for line in lines if "workload" in line):
        found = medians(lines, workload)
        heads = list(dict.fromkeys(name for figures in found.values() for name in figures))
        rows = [_row(key, words, figures, heads) for key, figures in found.items()]
        print(f"\n{workload}: {WORKLOADS[workload].__doc__}\n\n{table(['queue', 'store', 'setting', *heads], rows)}")
    if rows := budgets({workload: medians(lines, workload) for workload in WORKLOADS}):
        print(f"\nbudgets: What must be, and what this run says.\n\n{table(HEADS, rows)}")
    for line in lines:
        if "versions" in line:
            print(
                f"\n{line['machine']}; {', '.join(f'{name} {version}' for name, version in line['versions'].items())}"
            )
        if "skipped" in line:
            print(f"\nskipped: {line['skipped']}: {line['why']}")
        if "failed" in line:
            run = ", ".join(line[word] for word in ("workload", "queue", "store", "setting"))
            print(f"\nno figures: {run}: {line['failed']}")


def medians(lines: list[Line], workload: str) -> dict[tuple[str, str, str], Figures]:
    """Of each queue, store and setting: the medians of its rounds."""
    found: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if line.get("workload") == workload and "figures" in line:
            for name, value in line["figures"].items():
                found[line["queue"], line["store"], line["setting"]][name].append(value)
    return {key: {name: statistics.median(values) for name, values in rounds.items()} for key, rounds in found.items()}


def _row(
    key: tuple[str, str, str], words: dict[tuple[str, str], tuple[str, str]], figures: Figures, heads: list[str]
) -> list[str]:
    queue, store, setting = key
    name, what = words.get((queue, setting), (queue, setting))
    return [name, store, what, *(number(figures.get(head)) for head in heads)]


def number(value: float | None) -> str:
    """Three digits, or all before the point."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*NAMES, *FLOOR]
    parser.add_argument("--peers", nargs="+", choices=names, default=names, help="all")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), help="all")
    parser.add_argument("--rounds", type=int, default=1, help="how often each is run (1)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the jobs: shows that it runs, not how fast")
    parser.add_argument("--json", type=Path, help="append each result as a line to this file")
    parser.add_argument("--table", type=Path, help="print the tables of such a file, and measure nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
