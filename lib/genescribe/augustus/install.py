"""Species folders of an AUGUSTUS installation, and the folder of a model made from one."""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genescribe.augustus.convert import convert
from genescribe.augustus.species import read_species
from genescribe.augustus.tables import Species
from genescribe.errors import InputError
from genescribe.files import write_json
from genescribe.segment.support.features import SLOTS, default_weights, named_weights
from genescribe.segment.support.features import WEIGHTS as SUPPORT
from genescribe.train.model_files import CONFIG, WEIGHTS

CONFIG_VARIABLE = "AUGUSTUS_CONFIG_PATH"
_USUAL = (Path("/usr/share/augustus/config"), Path("/usr/local/share/augustus/config"), Path("/opt/augustus/config"))
CARD = "README.md"
READS = 0.5
"""Weight of introns of reads beside these parameters, as a share of their weight beside a network: of 0.3,
0.5, 0.7, 1 and 2 the validation parts of fly and Arabidopsis chose it."""


def species_root() -> Path | None:
    """Return the folder of species folders: of `AUGUSTUS_CONFIG_PATH`, beside the program, or where Debian has it."""
    variable = os.environ.get(CONFIG_VARIABLE)
    program = shutil.which("augustus")
    beside = [Path(program).resolve().parent.parent / "config"] if program else []
    for config in ([Path(variable)] if variable else []) + beside + list(_USUAL):
        if (config / "species").is_dir():
            return config / "species"
    return None


def species_folder(name: str) -> Path:
    """Return the folder of a species: `name` is a folder, or the name of one in the installation.

    A name is that of the installation where a folder of that name in the current one holds no parameter set: it may be
    the model that was made of the species.

    Raises
    ------
    InputError
        There is none.
    """
    folder, root = Path(name), species_root()
    installed = root is not None and folder.name == name and (root / name).is_dir()
    if folder.is_dir() and (not installed or any(folder.glob("*_parameters.cfg"))):
        return folder.resolve()
    if root is None:
        raise InputError(
            f"no folder {name!r}, and AUGUSTUS is not installed",
            where="SPECIES",
            remedy=f"install augustus-data (Debian) or augustus (bioconda), set {CONFIG_VARIABLE}, or give a folder",
        )
    names = sorted(path.name for path in root.iterdir() if path.is_dir())
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise InputError(f"no species {name!r} in {root}", where="SPECIES", remedy=f"{hint}`ls {root}` lists all")
    return root / name


def import_species(folder: Path, output: Path) -> str:
    """Write the model of a species folder, and return a line on it.

    Raises
    ------
    InputError
        The parameter set is missing or damaged, or the output is there and is no such model.
    """
    species = read_species(folder)
    model = convert(species)
    with _whole_folder(output) as part:
        model.save(part)
        write_json(part / SUPPORT, named_weights(evidence_weights()))
        (part / CARD).write_text(card(species), encoding="utf-8")
    return _line(species)


def evidence_weights() -> NDArray[np.float64]:
    """Return the weights of evidence for a model in the form of AUGUSTUS's parameter sets."""
    weights = default_weights()
    weights[[slot for name, slot in SLOTS.items() if "rna" in name]] *= READS
    return weights


@contextmanager
def _whole_folder(output: Path) -> Iterator[Path]:
    """Give a folder beside the output that takes its place when all is written."""
    ours = {CONFIG, WEIGHTS, CARD, SUPPORT}
    if output.exists() and (not output.is_dir() or not {path.name for path in output.iterdir()} <= ours):
        raise InputError("exists, and is no imported model", where=output, remedy="give another folder")
    part = output.with_name(f".{output.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if output.exists():
            shutil.rmtree(output)
        part.replace(output)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _line(species: Species) -> str:
    multiple, single = species.genes
    classes = f", {len(species.gc)} classes of GC content" if len(species.gc) > 1 else ""
    return f"AUGUSTUS {species.name}, of {multiple + single} genes, {multiple} with introns{classes}"


def card(species: Species) -> str:
    """Return the model's card, Markdown."""
    multiple, single = species.genes
    introns = "has no introns" if species.introns is None else f"was trained on {multiple} genes with introns"
    return f"""---
license: Artistic-1.0
species: {species.name}, as AUGUSTUS names it
trained_on: by AUGUSTUS's authors on genes of that genome
not_to_test_on: that genome
---
# {species.name}, imported from AUGUSTUS

The parameter set `{species.name}` of AUGUSTUS (M. Stanke and others, https://github.com/Gaius-Augustus/Augustus), made
into a model of genescribe: content by codon position, introns, splice sites, start motif, lengths and transitions are
AUGUSTUS's; nothing was trained here, and there is no network.

| | |
| --- | --- |
| licence | Artistic Licence 1.0, as AUGUSTUS's parameter sets: keep this card with the model |
| cite | Stanke and Waack 2003, Bioinformatics 19 Suppl. 2:ii215; Stanke et al. 2008, Bioinformatics 24:637 |
| source | species folder `{species.name}` of an AUGUSTUS installation |
| training | by its authors: {introns} and {single} without |
| genetic code | {species.genetic_code} |
| classes of GC content | {", ".join(f"{gc:.3f}" for gc in species.gc)} |
| not to be tested on | the genome that it is named for: its authors trained on it |
"""
