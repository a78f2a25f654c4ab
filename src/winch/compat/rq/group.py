"""`rq.group`."""

__all__: list[str] = []
