"""All parameters of the simulator and its decoder: one dataclass, read strictly from a small JSON file."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from genescribe.config import from_mapping, option, to_mapping
from genescribe.errors import InputError
from genescribe.files import read_json, write_text
from genescribe.simulate.chains import ORDER, MarkovChain
from genescribe.simulate.codons import EXON_SIDE, CodonModel
from genescribe.simulate.lengths import LengthModel, geometric
from genescribe.simulate.signals import Branch, Matrix, check_matrix, sharpened

FOLDER = Path(__file__).with_name("parameters")

KOZAK = 9
"""Bases before the start codon that its context covers."""
DONOR = 6
"""Bases of the intron that the donor covers."""
ACCEPTOR = 15
"""Bases of the intron that the acceptor covers."""

Durations = Literal["informative", "uninformative"]


@dataclass(frozen=True)
class Lengths:
    """A length model for each kind of segment. Coding lengths leave out the start and the stop codon."""

    intergenic: LengthModel = option(doc="between two genes")
    utr5: LengthModel = option(doc="exon of the 5' UTR")
    utr3: LengthModel = option(doc="the 3' UTR, one exon")
    single: LengthModel = option(doc="coding part of a gene without coding introns")
    initial: LengthModel = option(doc="coding part of the first coding exon")
    internal: LengthModel = option(doc="exon that is entirely coding")
    terminal: LengthModel = option(doc="coding part of the last coding exon")
    intron: LengthModel = option(doc="intron between coding exons")
    utr_intron: LengthModel = option(doc="intron of the 5' UTR")


SHORTEST = {
    "intergenic": 30,
    "utr5": KOZAK + 6,
    "utr3": 6,
    "single": 60,
    "initial": 12,
    "internal": 12,
    "terminal": 12,
    "intron": 40,
    "utr_intron": 40,
}
"""Shortest length of each kind of segment after a fit: so long that no two signals touch."""

LEAST = {
    "intergenic": ORDER,
    "utr5": ORDER + KOZAK,
    "utr3": ORDER,
    "single": 3,
    "initial": EXON_SIDE + 2,
    "internal": EXON_SIDE + 4,
    "terminal": 3,
    "intron": DONOR + ACCEPTOR,
    "utr_intron": DONOR + ACCEPTOR,
}
"""Shortest length of each kind of segment in all parameter sets: what its signals need, so that each base is written
once. Before a donor these are the `EXON_SIDE` bases with weights and the two that they depend on."""

ALIKE = (("single", "initial"), ("intron", "utr_intron"))
"""Kinds of segment that labels of bases do not tell apart: coding exons that follow the start codon, and introns."""


@dataclass(frozen=True)
class Chains:
    """Parameters of non-coding sequence."""

    intergenic: MarkovChain = option(doc="between genes, the forward strand")
    intron: MarkovChain = option(doc="introns")
    utr5: MarkovChain = option(doc="5' UTR")
    utr3: MarkovChain = option(doc="3' UTR")


@dataclass(frozen=True)
class Signals:
    """Position weight matrices, probabilities of A, C, G, T at each position."""

    kozak: Matrix = option(doc="the nine bases before the start codon")
    donor: Matrix = option(doc="first six bases of an intron")
    acceptor: Matrix = option(doc="last fifteen bases of an intron")
    branch: Branch | None = option(None, doc="branch point, or null")

    def __post_init__(self) -> None:
        for name, width in (("kozak", KOZAK), ("donor", DONOR), ("acceptor", ACCEPTOR)):
            check_matrix(getattr(self, name), name)
            if len(getattr(self, name)) != width:
                raise InputError("wrong number of positions", where=f"matrix {name}", remedy=f"give {width} rows")
        ends = (self.donor[0][2], self.acceptor[-2][0], self.acceptor[-1][2])
        if min(ends) < 1:
            raise InputError("introns other than G..AG", where="signals", remedy="let G..AG have probability 1")
        if self.branch is not None and self.branch.nearest < ACCEPTOR + len(self.branch.matrix):
            raise InputError("the branch point touches the acceptor", where="signals", remedy="raise `nearest`")


@dataclass(frozen=True)
class Structure:
    """Parameters of the structure of a gene."""

    single: float = option(doc="probability of a gene without coding introns", minimum=0, maximum=1)
    internal: float = option(doc="probability, after an intron, of an internal exon", minimum=0, maximum=0.99)
    utr_intron: float = option(doc="probability of an intron after a 5' UTR exon", minimum=0, maximum=0.9)

    def per_gene(self, kind: str) -> float:
        """Return the expected number of segments of a kind of `ALIKE` in a gene."""
        return {
            "single": self.single,
            "initial": 1 - self.single,
            "intron": (1 - self.single) / (1 - self.internal),
            "utr_intron": self.utr_intron / (1 - self.utr_intron),
        }[kind]


@dataclass(frozen=True)
class Isoforms:
    """Transcripts beside the major one; they use sites that lie in the sequence already."""

    genes: float = option(doc="probability that a gene with introns has further isoforms", minimum=0, maximum=1)
    extra: float = option(doc="mean number of further isoforms of such a gene", minimum=1)
    exon_skip: float = option(doc="weight of skipping an internal exon", minimum=0)
    alternative_donor: float = option(doc="weight of another donor", minimum=0)
    alternative_acceptor: float = option(doc="weight of another acceptor", minimum=0)


@dataclass(frozen=True)
class Repeats:
    """Families of diverged copies between genes, on either strand, softmasked."""

    fraction: float = option(doc="fraction of the intergenic bases", minimum=0, maximum=0.8)
    families: int = option(doc="number of families", minimum=1)
    lengths: LengthModel = option(doc="lengths of the copies")
    divergence: float = option(doc="mean fraction of substituted bases in a copy", minimum=0, maximum=0.7)


@dataclass(frozen=True)
class SimulationParameters:
    """All parameters of a simulated genome.

    Attributes
    ----------
    name
        Name of the parameter set.
    provenance
        Genome that each part was fitted to, or the assumption it rests on.
    lengths, chains, codons, signals, structure, isoforms, repeats
        Parameters by part.
    """

    name: str = option(doc="name of the parameter set")
    provenance: dict[str, str] = option(doc="sources of the fitted values, and assumptions")
    lengths: Lengths = option(doc="lengths of segments")
    chains: Chains = option(doc="non-coding sequence")
    codons: CodonModel = option(doc="coding sequence")
    signals: Signals = option(doc="signals at boundaries")
    structure: Structure = option(doc="exons per gene")
    isoforms: Isoforms = option(doc="further isoforms")
    repeats: Repeats = option(doc="interspersed repeats")

    def __post_init__(self) -> None:
        for kind, shortest in LEAST.items():
            minimum = getattr(self.lengths, kind).minimum
            if minimum < shortest:
                raise InputError(
                    f"minimum of {kind} is {minimum}",
                    where=f"parameters {self.name}",
                    remedy=f"give at least {shortest}",
                )
        branch = self.signals.branch
        intron = min(self.lengths.intron.minimum, self.lengths.utr_intron.minimum)
        if branch is not None and branch.farthest + DONOR > intron:
            raise InputError(
                f"a branch point {branch.farthest} bases before the end of an intron of {intron}",
                where=f"parameters {self.name}",
                remedy="raise the minimum of the introns or give fewer distances",
            )

    def with_durations(self, durations: Durations) -> SimulationParameters:
        """Return the same parameters, or ("uninformative") those with geometric lengths.

        From the shortest that the signals allow (`LEAST`), with the mean of each kind of segment; all else is equal.
        Kinds that are `ALIKE` share one distribution, or their mixture would not be geometric.
        """
        if durations == "informative":
            return self
        least = dict(LEAST)
        if self.signals.branch is not None:
            least |= dict.fromkeys(("intron", "utr_intron"), self.signals.branch.farthest + DONOR)
        models = {kind: getattr(self.lengths, kind).geometric(minimum) for kind, minimum in least.items()}
        for kinds in ALIKE:
            number = [self.structure.per_gene(kind) for kind in kinds]
            means = [getattr(self.lengths, kind).mean() for kind in kinds]
            # Of kinds that no gene has, any mean will do.
            mean = float(np.average(means, weights=number if any(number) else None))
            models |= dict.fromkeys(kinds, geometric(mean, max(least[kind] for kind in kinds)))
        return dataclasses.replace(self, lengths=Lengths(**models))

    def with_one_transcript(self) -> SimulationParameters:
        """Return the parameters without isoforms."""
        return dataclasses.replace(self, isoforms=dataclasses.replace(self.isoforms, genes=0.0))

    def sharpened(self, power: float) -> SimulationParameters:
        """Return parameters with clearer signals and codon usage: their probabilities to a power, normalised again.

        Above 1 genes are easier to find than in the fitted genome; 1 is the fitted genome.
        """
        if power <= 0:
            raise InputError(f"power {power}", where="sharpness", remedy="give a number above 0; 1 is as fitted")
        if power == 1:
            return self
        signals, codons = self.signals, self.codons
        branch = signals.branch
        if branch is not None:
            branch = dataclasses.replace(branch, matrix=sharpened(branch.matrix, power))
        matrices = {name: sharpened(getattr(signals, name), power) for name in ("kozak", "donor", "acceptor")}
        return dataclasses.replace(
            self,
            signals=Signals(**matrices, branch=branch),
            codons=CodonModel(
                usage=tuple(x**power for x in codons.usage),
                stops=codons.stops,
                donor_weights=sharpened(codons.donor_weights, power),
            ),
        )


def parameter_sets() -> list[str]:
    """Return the names of the parameter sets that come with the library."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load_parameters(name: str | Path) -> SimulationParameters:
    """Read a parameter set: a name that comes with the library, or a JSON file.

    Raises
    ------
    InputError
        No such name or file, no JSON, unknown keys, wrong types or values.
    """
    path = FOLDER / f"{name}.json" if str(name) in parameter_sets() else Path(name)
    if not path.is_file():
        known = ", ".join(parameter_sets())
        raise InputError("no such simulation parameters", where=path, remedy=f"give a JSON file or one of {known}")
    try:
        data = read_json(path)
    except ValueError as error:
        raise InputError(
            f"no JSON: {error}", where=path, remedy="give a file that scripts/fit_simulator.py wrote"
        ) from None
    return from_mapping(SimulationParameters, data, where=str(path))


def save_parameters(parameters: SimulationParameters, path: str | Path) -> None:
    """Write a parameter set as JSON, a list of numbers per line."""
    text = json.dumps(to_mapping(parameters), indent=1, allow_nan=False)
    write_text(path, re.sub(r"\[[^][{}]*\]", lambda match: " ".join(match[0].split()), text) + "\n")
