"""`winch demo`: real work on real files. `jobs` is what the workers run, `run` drives it, `show` draws it."""
