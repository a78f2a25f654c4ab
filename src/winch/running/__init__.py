"""One job run, with no worker around it."""
