"""Enqueue, and say what it took.

python -m benchmarks.peers NAME work FILE JOBS                           the jobs of the crash
python -m benchmarks.peers NAME touch|stamp|pause FILE JOBS [EVERY]      one by one, so many seconds apart
python -m benchmarks.peers NAME touch|stamp|pause FILE JOBS bulk

The last two print seconds and processor seconds, without the start of the interpreter.
"""

import sys
import time

from benchmarks.peers import load

name, job, file, jobs, *rest = sys.argv[1:]
peer = load(name)
if job == "work":
    peer.enqueue(file, int(jobs))
else:
    began, used = time.perf_counter(), time.process_time()
    if rest == ["bulk"]:
        peer.send_many(job, file, int(jobs))
    else:
        peer.send(job, file, int(jobs), float(*rest))
    print(time.perf_counter() - began, time.process_time() - used)
