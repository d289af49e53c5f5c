"""A simulated genome with its true annotation, and parameters fitted to real genomes.

Its optimal decoder, `genescribe.simulate.ceiling`, needs PyTorch, and is not imported here.
"""

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
    "fit",
    "load_parameters",
    "parameter_sets",
    "save_parameters",
    "simulate",
    "write_simulation",
]
