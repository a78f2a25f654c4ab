"""A set-up module that raises."""

raise RuntimeError("this set-up is broken")
