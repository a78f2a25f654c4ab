"""`rq.webhook`."""

from winch.options import Webhook

__all__ = ["Webhook"]
