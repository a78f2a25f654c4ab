"""`python -m winch.compat.rq worker`: RQ's command line."""

import sys

from winch.compat.rq.cli import main

if __name__ == "__main__":
    sys.exit(main())
