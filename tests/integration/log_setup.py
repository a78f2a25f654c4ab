"""A set-up module that gives the logging of user code a handler, with the job in every line."""

import logging

from winch.log import JobContextFilter

handler = logging.StreamHandler()
handler.addFilter(JobContextFilter())
handler.setFormatter(logging.Formatter("%(name)s %(levelname)s [%(job_id)s %(job_queue)s %(job_attempt)s] %(message)s"))
logging.getLogger("shop").addHandler(handler)
