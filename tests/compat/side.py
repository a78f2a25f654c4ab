"""What `import rq` finds: winch, or with `WINCH_COMPAT=rq` RQ itself."""

import os

REAL = os.environ.get("WINCH_COMPAT") == "rq"

if not REAL:
    import winch.compat.rq

    winch.compat.rq.install()
