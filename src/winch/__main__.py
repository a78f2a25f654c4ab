"""`python -m winch` is `winch`."""

from winch.cli import main

if __name__ == "__main__":
    main(prog_name="winch")
