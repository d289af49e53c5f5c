"""AUGUSTUS with parameters trained on the same split as a model: a fair comparison.

The steps are those of its authors' guides (Hoff and Stanke 2019, Curr. Protoc. Bioinformatics 65:e57, and BRAKER's):
complete genes without oddities, one transcript each, none that overlaps another, none whose protein is like that of
one taken before; each cut out with flanks of half the mean length of a gene; `new_species.pl`; `etraining`; the
frequencies of the stop codons from its output; UTRs off. `optimize_augustus.pl` on request.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from genescribe.bake.leakage import Sketch, similar_pairs, sketch
from genescribe.errors import InputError
from genescribe.evaluate.regions import Stretch
from genescribe.evaluate.tools.augustus import RETRAINED, augustus_missing, call, installed_config, link_config
from genescribe.files import atomic_directory, temporary_folder, write_json
from genescribe.genome.alphabet import decode, unmasked
from genescribe.genome.catalogue.database import Catalogue
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.genome.products import coding_codes, is_complete, translate

FEWEST = 10
"""Genes that it takes at least; AUGUSTUS's authors advise 200."""
ADVISED = 200
LONGEST_FLANK = 10_000
SHORTEST_INTRON = 20
GENERIC = 201
"""Shortest coding sequence of AUGUSTUS's generic parameters: the largest value to choose."""
STOPS = {"tag": "amber", "taa": "ochre", "tga": "opal"}
REPORT = "training.json"

_SPLICE_SITES = {("GT", "AG"), ("GC", "AG")}
_log = logging.getLogger(__name__)


class Chosen(NamedTuple):
    """A gene to train on, and how far from it its sequence may be cut out."""

    gene: Gene
    transcript: Transcript
    left: int
    right: int


@dataclass(frozen=True)
class TrainingOptions:
    """Options of training AUGUSTUS.

    Attributes
    ----------
    rounds
        Of `optimize_augustus.pl`; 0 keeps the generic meta-parameters.
    min_cds
        Shortest coding sequence that is predicted (`/Constant/min_coding_len`); None: the generic 201, or less where
        more than one in a hundred of the training genes is shorter.
    jobs
        Processes of the optimisation.
    parameters
        Further lines of the species' parameter file, such as `/Constant/decomp_num_steps`: classes of GC content.
    """

    rounds: int = 0
    min_cds: int | None = None
    jobs: int = 1
    parameters: Mapping[str, str] = field(default_factory=dict)


def train_augustus(
    catalogue: Catalogue, genome: Genome, regions: Sequence[Stretch], target: str | Path, options: TrainingOptions
) -> dict[str, Any]:
    """Train AUGUSTUS on the genes of some regions; return the report, which the folder `target` holds too.

    Parameters
    ----------
    catalogue, genome
        Annotated genes, and the sequences that they lie on.
    regions
        Genes that lie whole inside one of them train; no base outside is read.
    target
        Folder to write: the species `retrained`, for `genescribe.evaluate.tools.augustus.augustus`.
    options
        Options of the choice of genes and of `etraining`.

    Raises
    ------
    InputError
        AUGUSTUS is missing or fails, or too few genes are left.
    """
    if reason := augustus_missing("etraining"):
        raise InputError(reason, where="etraining", remedy="install it or leave this baseline out")
    chosen, dropped = training_genes(catalogue, genome, regions)
    if len(chosen) < FEWEST:
        why = ", ".join(f"{reason}: {count}" for reason, count in dropped.most_common(4))
        raise InputError(
            f"{len(chosen)} genes to train AUGUSTUS on ({why})",
            where=catalogue.path,
            remedy=f"give training regions with {FEWEST} complete genes or more",
        )
    if len(chosen) < ADVISED:
        _log.warning("%d genes to train AUGUSTUS on; its authors advise %d", len(chosen), ADVISED)
    return estimate([(chosen, genome)], dropped, target, options)


def estimate(
    parts: Sequence[tuple[Sequence[Chosen], Genome]],
    dropped: Mapping[str, int],
    target: str | Path,
    options: TrainingOptions,
) -> dict[str, Any]:
    """Run `etraining` on genes of one or several genomes; return the report, which the folder `target` holds too.

    Parameters
    ----------
    parts
        Genes that are fit to train on, and the genome that they are of.
    dropped
        Reasons why others are not, for the report.
    target, options
        As for `train_augustus`.

    Raises
    ------
    InputError
        AUGUSTUS is missing or fails.
    """
    transcripts = [gene.transcript for chosen, _ in parts for gene in chosen]
    flank = flank_length(transcripts)
    minimum = options.min_cds
    if minimum is None:  # Shorter than all but a hundredth of the training genes.
        minimum = min(GENERIC, sorted(gene.cds_length for gene in transcripts)[len(transcripts) // 100])
    with temporary_folder() as scratch:
        config = scratch / "config"
        config.mkdir()
        link_config(installed_config(), config)
        genbank = scratch / "genes.gb"
        with genbank.open("w", encoding="ascii") as file:
            number = 1
            for chosen, genome in parts:
                file.writelines(genbank_records(chosen, genome, flank, number))
                number += len(chosen)
        call(["perl", _script("new_species.pl"), f"--species={RETRAINED}", "--silent"], config, "new_species.pl")
        parameters = config / "species" / RETRAINED / f"{RETRAINED}_parameters.cfg"
        set_parameters(parameters, {"/Constant/min_coding_len": str(minimum), "/augustus/verbosity": "1"})
        set_parameters(parameters, options.parameters)
        train = ["etraining", f"--species={RETRAINED}", "--UTR=off", str(genbank)]
        output = call(train, config, "etraining")
        set_parameters(parameters, stop_frequencies(output))
        if options.rounds:
            _optimise(genbank, config, options)
            output = call(train, config, "etraining")
        report = {
            "genes": len(transcripts),
            "dropped": dict(sorted(dropped.items())),
            "flank": flank,
            "min_cds": minimum,
            "stop_codons": stop_frequencies(output),
            "rejected_by_etraining": len(re.findall(r"^gene .* transcr\. ", output, re.MULTILINE)),
            "rounds": options.rounds,
        }
        with atomic_directory(target) as folder:
            shutil.copytree(parameters.parent, folder / RETRAINED)
            write_json(folder / REPORT, report)
    return report


def training_genes(
    catalogue: Catalogue, genome: Genome, regions: Sequence[Stretch]
) -> tuple[list[Chosen], Counter[str]]:
    """Return the genes of the regions that are fit to train on, in the order of the catalogue, and why others are not.

    Parameters
    ----------
    catalogue, genome, regions
        As for `train_augustus`.
    """
    flags = catalogue.flags()
    everything = catalogue.genes()
    obstacles = _obstacles(everything, catalogue)
    intervals: dict[str, list[Interval]] = {}
    for seqid, start, end in regions:
        intervals.setdefault(seqid, []).append((start, genome.lengths[seqid] if end is None else end))
    dropped: Counter[str] = Counter()
    candidates: list[Chosen] = []
    for gene in everything:
        region = next((r for r in intervals.get(gene.seqid, []) if r[0] <= gene.start and gene.end <= r[1]), None)
        if region is None:
            continue
        transcript, why = _fit_transcript(gene, flags, genome, catalogue)
        if transcript is None:
            dropped[why] += 1
            continue
        free = _free(gene.id, transcript, obstacles[gene.seqid])
        if free is None:
            dropped["overlaps another gene"] += 1
            continue
        candidates.append(Chosen(gene, transcript, max(region[0], free[0]), min(region[1], free[1])))
    proteins = [
        translate(coding_codes(genome, c.gene, c.transcript), c.transcript, catalogue.genetic_code) for c in candidates
    ]
    distinct = _distinct([sketch(protein) for protein in proteins])
    dropped["protein like that of another"] += len(candidates) - len(distinct)
    return [candidates[i] for i in distinct], +dropped


def flank_length(transcripts: Sequence[Transcript]) -> int:
    """Return half the mean length of the coding part of a gene, introns included, and 10,000 at most."""
    lengths = [t.cds[-1][1] - t.cds[0][0] for t in transcripts]
    return min(sum(lengths) // (2 * len(lengths)), LONGEST_FLANK)


def genbank_records(chosen: Iterable[Chosen], genome: Genome, flank: int, first: int = 1) -> Iterator[str]:
    """Yield a GenBank record for each gene, as `gff2gbSmallDNA.pl` writes them: one CDS, flanks, lower-case bases.

    Parameters
    ----------
    chosen
        Training genes, with the bounds of their flanks.
    genome
        Sequences that they lie on.
    flank
        Bases on each side of a gene.
    first
        Number of the first record.
    """
    for number, item in enumerate(chosen, first):
        start = max(item.left, item.transcript.cds[0][0] - flank)
        end = min(item.right, item.transcript.cds[-1][1] + flank)
        place = ",".join(f"{a - start + 1}..{b - start}" for a, b in item.transcript.cds)
        place = f"join({place})" if len(item.transcript.cds) > 1 else place
        place = f"complement({place})" if item.gene.strand == "-" else place
        folded = "\n                     ".join(re.findall(".{1,58}", place))
        yield (
            f"LOCUS       gene{number}   {end - start} bp  DNA\n"
            "FEATURES             Location/Qualifiers\n"
            f"     source          1..{end - start}\n"
            f'     CDS             {folded}\n                     /gene="gene{number}"\n'
            f"{_origin(decode(unmasked(genome.codes(item.gene.seqid, start, end))).lower())}//\n"
        )


def stop_frequencies(output: str) -> dict[str, str]:
    r"""Return the parameters for the stop codons' frequencies from the output of `etraining`.

    Raises
    ------
    InputError
        They are not there.

    Examples
    --------
    >>> stop_frequencies("tag:    1 (0.25)\ntaa:    3 (0.75)\ntga:    0 (0)\n")["/Constant/ochreprob"]
    '0.75'
    """
    shares = dict(re.findall(r"(tag|taa|tga):\s*\d+ \(([\d.e-]+)\)", output))
    if shares.keys() != STOPS.keys():
        raise InputError(
            "no frequencies of stop codons", where="etraining", remedy="see what it printed with --verbose"
        )
    return {f"/Constant/{STOPS[codon]}prob": share for codon, share in sorted(shares.items())}


def set_parameters(path: Path, values: Mapping[str, str]) -> None:
    """Set parameters that stand in an AUGUSTUS parameter file."""
    text = path.read_text(encoding="utf-8")
    for name, value in values.items():
        text, count = re.subn(rf"^({re.escape(name)}\s+)\S+", rf"\g<1>{value}", text, flags=re.MULTILINE)
        if not count:
            raise InputError(f"no parameter {name}", where=path, remedy="use AUGUSTUS 3.3 or later")
    path.write_text(text, encoding="utf-8")


def _optimise(genbank: Path, config: Path, options: TrainingOptions) -> None:
    """Run `optimize_augustus.pl`: two-fold, since each round trains and predicts for every value of every parameter."""
    words = [f"--species={RETRAINED}", f"--AUGUSTUS_CONFIG_PATH={config}", f"--rounds={options.rounds}", "--kfold=2"]
    words += [f"--cpus={min(options.jobs, 2)}", "--pstep=3", "--cleanup=1", "--UTR=off"]
    call(
        ["perl", _script("optimize_augustus.pl"), *words, str(genbank)], config, "optimize_augustus.pl", genbank.parent
    )


def _script(name: str) -> str:
    """Return where a Perl script of AUGUSTUS lies: on the PATH (bioconda) or beside its configuration (Debian)."""
    for path in (shutil.which(name), installed_config().parent / "scripts" / name):
        if path and Path(path).is_file():
            return str(path)
    raise InputError(f"{name} is not installed", where="augustus", remedy="install all of AUGUSTUS, scripts included")


def _fit_transcript(
    gene: Gene, flags: Mapping[str, set[str]], genome: Genome, catalogue: Catalogue
) -> tuple[Transcript | None, str]:
    """Return the longest coding sequence that is fit to train on, or why there is none."""
    coding = sorted((t for t in gene.transcripts if t.cds), key=lambda t: (-t.cds_length, t.id))
    why = "no coding sequence"
    for transcript in coding:
        odd = sorted(flags.get(transcript.id, set()))
        if odd:
            why = odd[0]
        elif not is_complete(coding_codes(genome, gene, transcript), transcript, catalogue.genetic_code):
            why = "incomplete"
        elif any(b - a < SHORTEST_INTRON for a, b in transcript.cds_introns):
            why = "short_intron"
        elif not _splices(gene, transcript, genome):
            why = "other_splice_site"
        else:
            return transcript, ""
    return None, why


def _splices(gene: Gene, transcript: Transcript, genome: Genome) -> bool:
    """Whether every intron is one that AUGUSTUS can predict."""
    complement = str.maketrans("ACGT", "TGCA")
    for a, b in transcript.cds_introns:
        ends = [decode(unmasked(genome.codes(gene.seqid, *part))) for part in ((a, a + 2), (b - 2, b))]
        if gene.strand == "-":
            ends = [text.translate(complement)[::-1] for text in reversed(ends)]
        if (ends[0], ends[1]) not in _SPLICE_SITES:
            return False
    return True


def _obstacles(genes: Iterable[Gene], catalogue: Catalogue) -> dict[str, list[tuple[Interval, str]]]:
    """Return the spans of everything annotated, usable or not, by sequence: no flank may reach into them."""
    by_seqid: dict[str, list[tuple[Interval, str]]] = {seqid: [] for seqid in catalogue.sequences()}
    for gene in genes:
        by_seqid[gene.seqid].append(((gene.start, gene.end), gene.id))
    for item in catalogue.rejected():
        if item.seqid in by_seqid and item.start is not None and item.end is not None:
            by_seqid[item.seqid].append(((item.start, item.end), item.gene or ""))
    return {seqid: sorted(spans) for seqid, spans in by_seqid.items()}


def _free(gene: str, transcript: Transcript, obstacles: Sequence[tuple[Interval, str]]) -> Interval | None:
    """Return how far the flanks may reach, half way to the neighbours at most; None where another gene overlaps."""
    first, last = transcript.coding_span
    left, right = 0, last + 2 * LONGEST_FLANK
    for (start, end), other in obstacles:
        if other == gene:
            continue
        if start < last and end > first:
            return None
        if end <= first:
            left = max(left, (end + first + 1) // 2)
        else:
            right = min(right, (last + start) // 2)
            break
    return left, right


def _distinct(sketches: Sequence[Sketch]) -> list[int]:
    """Return the places of proteins of which no two are alike: earlier ones stay."""
    similar: dict[int, set[int]] = {}
    for left, right in similar_pairs(sketches)[0].tolist():
        similar.setdefault(right, set()).add(left)
    kept: set[int] = set()
    for number in range(len(sketches)):
        if not similar.get(number, set()) & kept:
            kept.add(number)
    return sorted(kept)


def _origin(bases: str) -> str:
    counts = "".join(f"{bases.count(base):>7} {base}" for base in "acgtn" if base != "n" or "n" in bases)
    lines = [f"BASE COUNT     {counts.lstrip()}\nORIGIN\n"]
    for start in range(0, len(bases), 60):
        parts = re.findall(".{1,10}", bases[start : start + 60])
        lines.append(f"{start + 1:>9} {' '.join(parts)}\n")
    return "".join(lines)
