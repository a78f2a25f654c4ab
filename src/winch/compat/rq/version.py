"""`rq.version`: the RQ whose interface this is."""

__all__ = ["VERSION"]

VERSION = "3.0.0"
