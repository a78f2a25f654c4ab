"""What can be asked of a job: frozen values, checked when they are made.

Durations are seconds as `int` or `float`, a text (`"90"`, `"10s"`, `"5m"`, `"1h"`, `"1d"`) or a `timedelta`.
"""

from winch.options.callbacks import Callback, CallbackEvent, Callbacks
from winch.options.durations import Duration, seconds
from winch.options.jobs import (
    DEFAULT_JOB,
    DEFAULT_RUN,
    DEFAULT_TIMEOUT,
    Codec,
    JobKeywords,
    JobOptions,
    Kind,
    RunOptions,
)
from winch.options.limits import Limit, Limits
from winch.options.relations import (
    Dependency,
    DependsOn,
    HasId,
    OnFailure,
    check_args,
    check_id,
    check_queue,
)
from winch.options.repeat import Repeat
from winch.options.retry import ErrorNames, Retry
from winch.options.webhooks import Webhook, Webhooks

__all__ = [
    "DEFAULT_JOB",
    "DEFAULT_RUN",
    "DEFAULT_TIMEOUT",
    "Callback",
    "CallbackEvent",
    "Callbacks",
    "Codec",
    "Dependency",
    "DependsOn",
    "Duration",
    "ErrorNames",
    "HasId",
    "JobKeywords",
    "JobOptions",
    "Kind",
    "Limit",
    "Limits",
    "OnFailure",
    "Repeat",
    "Retry",
    "RunOptions",
    "Webhook",
    "Webhooks",
    "check_args",
    "check_id",
    "check_queue",
    "seconds",
]
