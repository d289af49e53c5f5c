"""Reading the species folder of an AUGUSTUS installation: its options and its three files of probabilities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from genescribe.augustus.sections import FloatArray, Sections, read_options, word_of
from genescribe.augustus.tables import ExonClass, IntronClass, Introns, Motif, Species, Steps, Windows
from genescribe.errors import InputError

_DEFAULT_WINDOW = 10_000
_ATG = word_of("atg")


class _Options:
    """The options of ``*_parameters.cfg``, checked where they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path, self._values = path, read_options(path)

    def text(self, key: str, default: str) -> str:
        return self._values.get(key, default)

    def number(self, key: str, default: float | None = None) -> float:
        value = self._values.get(key)
        if value is None:
            if default is None:
                raise InputError(f"no {key}", where=self.path, remedy="copy the file again: it may be cut short")
            return default
        try:
            return float(value)
        except ValueError:
            raise InputError(f"{key} is {value!r}", where=self.path, remedy="give a number") from None

    def integer(self, key: str, default: float | None = None) -> int:
        return int(self.number(key, default))

    def flag(self, key: str, default: str = "false") -> bool:
        return self.text(key, default).lower() in ("true", "1", "on", "yes")


def read_species(folder: Path) -> Species:
    """Return the parameter set of a species folder.

    Raises
    ------
    InputError
        A file or section is missing or damaged, or the folder is of a species that was never trained.
    """
    options = _Options(_options_path(folder))
    prefix = options.path.name.removesuffix("_parameters.cfg")

    def path(model: str, kind: str) -> Path:
        # A set that was renamed keeps the old name in its options.
        chosen, usual = folder / options.text(f"/{model}/infile", ""), folder / f"{prefix}_{kind}_probs.pbl"
        return chosen if chosen.is_file() else usual

    if not path("ExonModel", "exon").is_file():
        raise InputError(
            f"no {prefix}_exon_probs.pbl",
            where=folder,
            remedy="give a trained species: this is a template for training",
        )
    exon_file = Sections.read(path("ExonModel", "exon"))
    classes = options.integer("/Constant/decomp_num_steps", 1)
    low, high = options.number("/Constant/gc_range_min", 0.32), options.number("/Constant/gc_range_max", 0.73)
    introns = None
    if path("IntronModel", "intron").is_file():
        introns = _introns(Sections.read(path("IntronModel", "intron")), classes)
    windows = _windows(options, introns is not None)
    exons = tuple(_exon_class(exon_file, number) for number in range(1, classes + 1))
    windows = replace(windows, start=len(exons[0].start.chances))
    if introns is not None:
        windows = replace(windows, tract=len(introns.classes[0].acceptor.chances))
        _check_windows(windows, introns, options.path)
    lengths, beyond, genes = _exon_lengths(exon_file, options)
    igenic_file = Sections.read(path("IGenicModel", "igenic"))
    return Species(
        name=prefix,
        folder=folder,
        genetic_code=options.integer("translation_table", 1),
        gc=tuple(low + (high - low) * (i + 1) / (classes + 1) for i in range(classes)),
        gc_window=options.integer("GCwinsize", _DEFAULT_WINDOW),
        windows=windows,
        exons=exons,
        lengths=lengths,
        beyond=beyond,
        starts=_starts(exon_file),
        stops={
            word_of(codon): options.number(f"/Constant/{name}prob", default)
            for codon, name, default in (("taa", "ochre", 1 / 3), ("tag", "amber", 1 / 3), ("tga", "opal", 1 / 3))
        },
        introns=introns,
        intergenic=_intergenic(igenic_file, introns, options.flag("tieIgenicIntron", "true"), classes),
        other_donors=options.number("/IntronModel/non_gt_dss_prob", 0.001)
        if options.flag("/IntronModel/allow_dss_consensus_gc")
        else 0.0,
        unknown=options.number("/Constant/probNinCoding", 0.23),
        genes=genes,
    )


def _options_path(folder: Path) -> Path:
    if not folder.is_dir():
        raise InputError("no such folder", where=folder, remedy="give a species folder of AUGUSTUS")
    own = folder / f"{folder.name}_parameters.cfg"
    paths = [own] if own.is_file() else sorted(folder.glob("*_parameters.cfg"))
    if not paths:
        raise InputError("no *_parameters.cfg", where=folder, remedy="give a species folder of AUGUSTUS")
    return paths[0]


def _windows(options: _Options, spliced: bool) -> Windows:
    key = "/Constant/{}".format
    if not spliced:
        return Windows(0, options.integer(key("init_coding_len")), 0, (0, 0), (0, 0), 0)
    return Windows(
        start=0,
        first=options.integer(key("init_coding_len")),
        last=options.integer(key("intterm_coding_len")),
        donor=(options.integer(key("dss_start")), options.integer(key("dss_end"))),
        acceptor=(options.integer(key("ass_start")), options.integer(key("ass_end"))),
        tract=0,
    )


def _check_windows(windows: Windows, introns: Introns, path: Path) -> None:
    for name, sizes, pattern in (("dss", windows.donor, introns.donor), ("ass", windows.acceptor, introns.acceptor)):
        if 4 ** sum(sizes) != len(pattern):
            raise InputError(
                f"{name}_start and {name}_end are {sizes[0]} and {sizes[1]}, for {len(pattern)} patterns",
                where=path,
                remedy="copy the species folder whole: its files are of two trainings",
            )


def conditional(words: FloatArray) -> FloatArray:
    """Return the chance of each word's last base given those before it, from the chances of words, (4^n, ...)."""
    groups = words.reshape(-1, 4, *words.shape[1:])
    total = groups.sum(axis=1, keepdims=True)
    chances: FloatArray = np.divide(groups, total, out=np.full(groups.shape, 0.25), where=total > 0)
    return chances.reshape(words.shape)


def _exon_class(sections: Sections, number: int) -> ExonClass:
    patterns = sections.section("P_ls", number)
    length = patterns.longest_word()
    if length == 0:
        raise patterns.damaged("no words")
    words = patterns.table(length, 3)
    # Old sets have no such section, or one that is commented out: AUGUSTUS then takes the words' chances.
    plain = sections.section("EMISSION", number).table(length, 3) if sections.has("EMISSION", number) else None
    return ExonClass(
        emission=conditional(words) if plain is None else plain,
        first=sections.section("INITEMISSION", number).table(length, 3),
        last=sections.section("ETEMISSION", number).table(length, 3),
        beginnings=patterns.table(length - 1, 3) if length > 1 else np.ones((1, 3)),
        start=Motif.of(sections.section("TRANSINIT", number)),
        start_steps=Steps.of(sections, "TRANSINITBIN", number),
    )


def _exon_lengths(sections: Sections, options: _Options) -> tuple[FloatArray, FloatArray, tuple[int, int]]:
    """Return chances of lengths, (4, D + 1), shares of longer ones, (4,), and the number of genes by kind."""
    section = sections.section("LENGTH")
    values = section.numbers()
    if len(values) < 11:
        raise section.damaged("too few numbers")
    longest, totals, huge = int(values[0]), values[3:7], values[7:11]
    rows = section.rows(5, skip=11)
    if len(rows) != longest + 1:
        raise section.damaged(f"{len(rows)} lengths where {longest + 1} are announced")
    lengths = rows[:, 1:].T / 1000
    lengths[0, : options.integer("/Constant/min_coding_len", 0)] = 0
    boost, start = options.number("/ExonModel/lenboostE", 0.0), options.integer("/ExonModel/lenboostL", longest)
    lengths[0] *= (1 + boost) ** np.clip(np.arange(longest + 1) - start, 0, None)
    return lengths, (huge + 1) / (totals + 1), (int(totals[1]), int(totals[0]))


def _starts(sections: Sections) -> dict[int, float]:
    if not sections.has("STARTCODONS"):
        return {_ATG: 1.0}
    return {codon: float(chance[0]) for codon, chance in sections.section("STARTCODONS").words(3, 1).items()}


def _pattern(sections: Sections, name: str) -> FloatArray:
    """Return the chances of the patterns around a splice site; those not listed have their pseudocount."""
    section = sections.section(name)
    head = section.head()
    if len(head) < 3:
        raise section.damaged("neither size, count nor pseudocount")
    size, count, pseudo = int(head[0]), head[1], head[2]
    length = (size.bit_length() - 1) // 2
    if size != 4**length or section.longest_word() not in (0, length):
        raise section.damaged(f"{size} patterns of {section.longest_word()} bases")
    chances = np.full(size, pseudo / (count + pseudo * size) if count + pseudo * size > 0 else 0.0)
    for word, chance in section.words(length, 1).items():
        chances[word] = chance[0] / 1000
    steps = Steps.of(sections, f"{name}BIN")
    return chances if steps is None else steps(chances)


def _introns(sections: Sections, classes: int) -> Introns:
    section = sections.section("LENGTH")
    values = section.numbers()
    if not len(values) or len(values) != int(values[0]) + 2:
        raise section.damaged(f"{len(values)} numbers, not those of each length")
    return Introns(
        donor=_pattern(sections, "DSS"),
        acceptor=_pattern(sections, "ASS"),
        lengths=values[1:] / 1000,
        classes=tuple(_intron_class(sections, number) for number in range(1, classes + 1)),
    )


def _intron_class(sections: Sections, number: int) -> IntronClass:
    transition, emission = sections.section("TRANSITION", number), sections.section("EMISSION", number)
    numbers = transition.numbers()
    if len(numbers) != 2 or not 0 <= numbers[0] <= 1 or numbers[1] < 0:
        raise transition.damaged("not a share of short introns and a mean length")
    return IntronClass(
        emission=emission.table(emission.longest_word(), 1)[:, 0],
        acceptor=Motif.of(sections.section("ASSMOTIF", number)),
        short=float(numbers[0]),
        excess=float(numbers[1]),
    )


def _intergenic(sections: Sections, introns: Introns | None, tied: bool, classes: int) -> tuple[FloatArray, ...]:
    """Return the content between genes, which is that of introns where the two are tied and of one order."""
    contents = []
    for number in range(1, classes + 1):
        if sections.has("EMISSION", number):
            section = sections.section("EMISSION", number)
            contents.append(section.table(section.longest_word(), 1)[:, 0])
        else:
            section = sections.section("P_ls", number)
            contents.append(conditional(section.table(section.longest_word(), 1)[:, 0]))
    if tied and introns is not None and len(introns.classes[0].emission) == len(contents[0]):
        return tuple(intron.emission for intron in introns.classes)
    return tuple(contents)
