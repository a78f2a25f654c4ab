"""The documentation is executed: every page in an empty folder, block by block."""
