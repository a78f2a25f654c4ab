"""A set-up module with a hook."""

from tests.integration.tasks import mark_attempt
from winch import around

around(mark_attempt)
