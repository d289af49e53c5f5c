"""The commands of `genescribe`, one module each; the docstring is the help, and heavy imports wait until it runs."""
