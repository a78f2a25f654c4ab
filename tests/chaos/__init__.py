"""The soak: real workers and producers, real faults, and a judge who only reads what was written down.

In reading order: `history.py` (what is written down), `jobs.py` and `producer.py` (who writes), `fleet.py` over
`processes.py` (workers and producers under a restarter), `nemesis.py` (the faults and their schedule), `arena.py` (the two
stores, with all that hurts them), `dump.py` (what the store says at the end), `checker.py` (the judge), `__main__.py` (a
run).
"""
