"""The version of winch, written down here only. To ask for that of the installed package loads 80 modules of Python's."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
