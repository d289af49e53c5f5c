"""A simulated genome with its true annotation, parameters fitted to real genomes, and its optimal decoder."""

from genescribe.simulate.ceiling import ceiling, log_likelihood
from genescribe.simulate.fit import fit
from genescribe.simulate.generate import simulate, write_simulation
from genescribe.simulate.models import AssumedUtrs
from genescribe.simulate.parameters import (
    SimulationParameters,
    load_parameters,
    parameter_sets,
    save_parameters,
)

__all__ = [
    "AssumedUtrs",
    "SimulationParameters",
    "ceiling",
    "fit",
    "load_parameters",
    "log_likelihood",
    "parameter_sets",
    "save_parameters",
    "simulate",
    "write_simulation",
]
