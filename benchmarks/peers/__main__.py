"""Enqueue: python -m benchmarks.peers NAME FILE JOBS."""

import sys

from benchmarks.peers import load

load(sys.argv[1]).enqueue(sys.argv[2], int(sys.argv[3]))
