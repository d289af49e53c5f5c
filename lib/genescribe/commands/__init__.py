"""The commands of `genescribe`: a module each, whose docstring is its help; heavy imports wait until a command runs."""
