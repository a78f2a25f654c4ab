"""The job that the benchmarks run."""


def noop() -> None:
    """Do nothing."""
