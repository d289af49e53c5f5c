"""The upper limit on a simulated genome: decode it with the distribution that generated it."""

from __future__ import annotations

from collections.abc import Mapping

from tqdm import tqdm

from genescribe.genome.alphabet import Codes
from genescribe.genome.model import Gene
from genescribe.kernels.semicrf.dispatch import viterbi
from genescribe.simulate.parameters import SimulationParameters
from genescribe.simulate.paths import genes_of
from genescribe.simulate.states import potentials


def ceiling(parameters: SimulationParameters, sequences: Mapping[str, Codes], backend: str = "auto") -> list[Gene]:
    """Return the most probable genes of each sequence under the model: one isoform per gene.

    Parameters
    ----------
    parameters
        Parameters of the simulator that wrote the sequences.
    sequences
        Base codes by name, softmasked as they were written; each is decoded as a whole.
    backend
        Of the semi-Markov kernel.
    """
    genes: list[Gene] = []
    for seqid, codes in tqdm(sequences.items(), desc="ceiling", unit="sequence", disable=None):
        _, (best,) = viterbi(potentials(parameters, codes), backend)
        genes += genes_of(best, seqid, prefix="CEILING")
    return genes
