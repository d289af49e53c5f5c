"""`python -m genescribe`, and the console script `genescribe`."""

from genescribe.commands.console import start

if __name__ == "__main__":
    start()
