"""Planted bugs: each is a patch, and layers 1 to 3 of the tests of reliability must find every one of them.

A patch begins with a few lines of text: what is broken, and `Killed by:` with the arguments of pytest that show it.

    make mutants                        all of them (about five minutes)
    make mutants ARGS='no-fence'        those with this in their name

`run.py` applies each to a copy of the sources and runs what should kill it; a survivor is a gap in the tests. `make test`
sees to it that every patch still applies.
"""
