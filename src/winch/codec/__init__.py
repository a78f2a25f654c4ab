"""Arguments and results as bytes: typed MessagePack, and JSON or pickle on request.

What can travel: `None bool int` (of any size) `float str bytes list tuple dict set frozenset datetime date time timedelta`
(the zone is kept) `Decimal UUID complex Path`, enums and dataclasses. Each arrives as it left. Exact types only: a
subclass is refused with the conversion to use.

There are two decoders. The *typed* one rebuilds enums and dataclasses, and asks `load_class` for the class, which decides
what may be imported. The *plain* one shows them as data (`Shown`) and imports nothing.

A call is `01` (the version), then MessagePack: `[function, options or nil, arguments]`; options and arguments are bytes of
their own, so that damaged arguments leave the function readable. With dependencies a fourth element
lists their ids. A result is `01`, a letter for its codec, its bytes.

Pickle runs code of whoever wrote the bytes, so `permit_pickle()` must have been called in the process that loads it. The
worker does when it is started with `WINCH_PICKLE=1`.
"""

from winch.codec.envelope import CallData, dumps_call, head, load_call, permit_pickle, pickle_permitted
from winch.codec.results import (
    ErrorInfo,
    add_to_meta,
    dumps_error,
    dumps_meta,
    dumps_result,
    load_error,
    load_meta,
    load_result,
    otherwise,
    plain_result,
)
from winch.codec.values import LoadClass, Shown

__all__ = [
    "CallData",
    "ErrorInfo",
    "LoadClass",
    "Shown",
    "add_to_meta",
    "dumps_call",
    "dumps_error",
    "dumps_meta",
    "dumps_result",
    "head",
    "load_call",
    "load_error",
    "load_meta",
    "load_result",
    "otherwise",
    "permit_pickle",
    "pickle_permitted",
    "plain_result",
]
