"""A parameter set in AUGUSTUS's format, of random numbers: small, and nobody's."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

NAME = "toy"
ORDER, CLASSES, LONGEST_EXON, SHORT_INTRON = 2, 2, 300, 60
DONOR, ACCEPTOR, TRACT, START, FIRST, LAST = (2, 1), (1, 2), 4, 5, 6, 3
TRANSITIONS = {
    (0, 0): 0.99,
    (0, 1): 0.002,
    (0, 2): 0.003,
    (0, 3): 0.004,
    (0, 4): 0.001,
    (1, 0): 1.0,
    (8, 0): 0.9,
    **{(2 + i, (10, 15, 20)[i]): 1.0 for i in range(3)},
    **{(5 + i, (10, 15, 20)[i]): 0.8 for i in range(3)},
    # Factors of first and last phase: this set is one that the model holds exactly.
    **{((13, 18, 23)[i], 5 + j): (0.2, 0.4, 0.3)[i] * (1.0, 1.5, 0.5)[j] for i in range(3) for j in range(3)},
    **{((13, 18, 23)[i], 8): (0.1, 0.2, 0.3)[i] for i in range(3)},
}


def words(length: int) -> list[str]:
    return ["".join(letters) for letters in product("acgt", repeat=length)]


def write_species(
    folder: Path, *, emission: bool = True, steps: bool = False, introns: bool = True, seed: int = 0
) -> Path:
    """Write the set and return its folder.

    Parameters
    ----------
    folder
        Where the species folder is made.
    emission
        Content tables have the section EMISSION; else its header is commented out, as in old sets.
    steps
        Start codons and splice sites go through step functions.
    introns
        Genes have introns.
    seed
        Of the numbers.
    """
    rng = np.random.default_rng(seed)
    species = folder / NAME
    species.mkdir(parents=True)
    (species / f"{NAME}_parameters.cfg").write_text(_options(), encoding="utf-8")
    (species / f"{NAME}_exon_probs.pbl").write_text(_exons(rng, emission, steps), encoding="utf-8")
    (species / f"{NAME}_igenic_probs.pbl").write_text(_between(rng, emission), encoding="utf-8")
    if introns:
        (species / f"{NAME}_intron_probs.pbl").write_text(_introns(rng, steps), encoding="utf-8")
        rows = "\n".join(f"{a} {b} {chance}" for (a, b), chance in TRANSITIONS.items())
        text = f"# states\n[Initial]\n[Transition]\n# from to\n{rows}\n24 0 1.0\n"
        (species / f"{NAME}_trans_shadow_partial.pbl").write_text(text, encoding="utf-8")
    return species


def _options() -> str:
    constants = {
        "trans_init_window": START,
        "ass_upwindow_size": TRACT,
        "ass_start": ACCEPTOR[0],
        "ass_end": ACCEPTOR[1],
        "dss_start": DONOR[0],
        "dss_end": DONOR[1],
        "init_coding_len": FIRST,
        "intterm_coding_len": LAST,
        "decomp_num_steps": CLASSES,
        "gc_range_min": 0.3,
        "gc_range_max": 0.6,
        "min_coding_len": 30,
        "probNinCoding": 0.23,
        "amberprob": 0.2,
        "ochreprob": 0.5,
        "opalprob": 0.3,
    }
    lines = [f"/Constant/{name}   {value}  # of it" for name, value in constants.items()]
    files = {"ExonModel": "exon", "IntronModel": "intron", "IGenicModel": "igenic"}
    lines += [f"/{model}/infile {NAME}_{kind}_probs.pbl # file" for model, kind in files.items()]
    return "\n".join(["# options", "GCwinsize 200", "tieIgenicIntron false", *lines, ""])


def _chances(rng: np.random.Generator, length: int, columns: int) -> np.ndarray:
    """Return chances of a last base given those before, (4^length, columns)."""
    values = rng.dirichlet(np.full(4, 8.0), size=(4 ** (length - 1), columns))
    return values.transpose(0, 2, 1).reshape(4**length, columns)


def _table(values: np.ndarray, length: int, *, hidden: bool = False) -> str:
    rows = zip(words(length), values, strict=True)
    return "".join(f"{'# ' if hidden else ''}{word} " + " ".join(f"{x:.6g}" for x in row) + "\n" for word, row in rows)


def _motif(rng: np.random.Generator, name: str, width: int, order: int) -> str:
    rows = []
    for place in range(width):
        chances = _chances(rng, order + 1, 1)[:, 0]
        rows.append(f"{place} " + " ".join(f"{x:.6g}" for x in chances))
    return f"[{name}]\n# width\n{width}\n# order\n{order}\n" + "\n".join(rows) + "\n"


def _steps(name: str, borders: list[float], scale: float = 1.0) -> str:
    rows = "".join(f"{border:.6g} {1.5 * scale * border:.6g}\n" for border in borders)
    return f"[{name}]\n# bins\n{len(borders) + 1}\n# monotonic: increasing\n {0.5 * scale * borders[0]:.6g}\n{rows}"


def _exons(rng: np.random.Generator, emission: bool, steps: bool) -> str:
    lengths = rng.dirichlet(np.full(LONGEST_EXON + 1, 2.0), size=4).T * 1000
    text = "# exons\n[STARTCODONS]\n# number\n2\nATG 0.9\nCTG 0.1\n[LENGTH]\n# D\n"
    text += f"{LONGEST_EXON}\n# slope\n0.2\n# least\n3\n# kinds\n 100 200 300 200\n# longer\n 3 2 1 2\n"
    text += "".join(f"{k} " + " ".join(f"{x:.6g}" for x in row) + "\n" for k, row in enumerate(lengths))
    for number in range(1, CLASSES + 1):
        text += f"[{number}]\n# (a,c,g,t)= (0.3, 0.2, 0.2, 0.3)\n[P_ls]\n# k = {ORDER}\n"
        for length in range(1, ORDER + 2):
            words_of = rng.dirichlet(np.full(4**length, 8.0), size=3).T
            text += f"# l=\n{length - 1}\n# Values\n" + _table(words_of, length)
        # Old sets list counts of the same words behind.
        text += "# normal patterns\n" + "".join(f"{word} 0 0 0\n" for word in words(ORDER + 1))
        text += _motif(rng, "TRANSINIT", START, 1)
        # Real motifs have 22 bases: such chances are far below those of single bases.
        text += _steps("TRANSINITBIN", [1e-4, 1e-3, 1e-2], 1e-10) if steps else ""
        for name in ("EMISSION", "INITEMISSION", "ETEMISSION"):
            hidden = name == "EMISSION" and not emission
            mark = "#" if hidden else ""
            text += f"{mark}[{name}]\n" + "".join(f"{mark}{x}\n" for x in (4 ** (ORDER + 1), ORDER, 1.5))
            text += _table(_chances(rng, ORDER + 1, 3), ORDER + 1, hidden=hidden)
    return text


def _between(rng: np.random.Generator, emission: bool) -> str:
    text = ""
    for number in range(1, CLASSES + 1):
        text += f"[{number}]\n# k =\n{ORDER}\n[P_ls]\n"
        for length in range(1, ORDER + 2):
            words_of = rng.dirichlet(np.full(4**length, 8.0), size=1).T
            text += f"# l=\n{length - 1}\n# Values\n" + _table(words_of, length).upper()
        if emission:
            text += f"[EMISSION]\n# size\n{4 ** (ORDER + 1)}\n" + _table(_chances(rng, ORDER + 1, 1), ORDER + 1).upper()
    return text


def _introns(rng: np.random.Generator, steps: bool) -> str:
    text = "# introns\n"
    for name, sizes in (("ASS", ACCEPTOR), ("DSS", DONOR)):
        length = sum(sizes)
        chances = rng.dirichlet(np.full(4**length, 1.0)) * 1000
        # Of acceptors only patterns that were seen are listed.
        rows = list(zip(words(length), chances, strict=True))[:: 2 if name == "ASS" else 1]
        text += f"[{name}]\n# size\n{4**length}\n# count\n500\n# pseudocount\n0.01\n# Probabilities * 1000\n"
        text += "".join(f"{word} {chance:.6g}\n" for word, chance in rows)
        text += _steps(f"{name}BIN", [0.005, 0.02]) if steps else ""
    lengths = rng.dirichlet(np.full(SHORT_INTRON, 2.0)) * 1000
    text += f"[LENGTH]\n# d\n{SHORT_INTRON}\n# chances\n0\n" + "".join(f"{x:.6g}\n" for x in lengths)
    for number in range(1, CLASSES + 1):
        text += f"[{number}]\n[TRANSITION]\n# short\n0.7\n# further\n90\n[EMISSION]\n# size\n{4 ** (ORDER + 1)}\n"
        text += f"# k\n{ORDER}\n# pseudocount\n2\n" + _table(_chances(rng, ORDER + 1, 1), ORDER + 1)
        text += _motif(rng, "ASSMOTIF", TRACT, 1)
    return text
