"""`executing`, for executors whose functions `import rq`."""

from winch.compat.rq import executing
from winch.compat.rq.installing import install

__all__: list[str] = []

install()
executing.prepare()
