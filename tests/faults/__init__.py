"""The sweep: every step of the workers' protocol, with every fault, on every store (layer 3 of docs/reliability.md).

`points.py` names the steps; a point is a moment before or after one. `plant.py` makes one fault happen at one point of one
process, once. It wraps the step from outside, in processes that a test has started for it (`site/sitecustomize.py`), so
that winch's own code holds nothing for it and pays nothing. `scenarios.py` are small pieces of work that together take
every step, `stage.py` is what they happen on, and `invariants.py` looks at what is left.

    make sweep                      all of it
    make sweep ARGS='-k turn'       some of it
"""
