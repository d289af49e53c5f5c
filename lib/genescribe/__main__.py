"""`python -m genescribe`, and the console script `genescribe`."""

from genescribe.signals import end_on_signals


def start() -> None:
    """Run the program; signals end it without a traceback from the first of its imports on."""
    end_on_signals()
    from genescribe.commands import console

    console.start()


if __name__ == "__main__":
    start()
