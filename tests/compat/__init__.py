"""Programs written for RQ, run over winch; with `WINCH_COMPAT=rq` the same tests run over RQ itself, as a check of the tests."""
