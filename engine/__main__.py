"""`python -m engine`, which is the command `onbeat`."""

from engine.cli.app import app


def main() -> None:
    """Run the command line and leave with one of the codes in `engine.cli.exits`."""
    app(prog_name="onbeat")


if __name__ == "__main__":
    main()
