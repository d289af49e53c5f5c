"""Whether the correct proteins are predicted, since coordinate scores ignore the phase."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript
from genescribe.genome.products import coding_codes, translate

Place = tuple[str, str, str]


def compare_proteins(
    reference: Sequence[Gene], predicted: Sequence[Gene], genome: Genome, code: GeneticCode
) -> dict[str, int]:
    """Count genes whose protein is predicted letter by letter.

    Parameters
    ----------
    reference, predicted
        Genes to score (see `genescribe.evaluate.regions.restrict`).
    genome, code
        To translate with. Translation starts at each transcript's phase and leaves out a stop codon at the end.

    Returns
    -------
    dict
        "reference": reference genes with a protein; "identical": those of them any of whose proteins equals the
        protein of a predicted transcript that shares bases with the gene on its strand; "phase_differs": those with
        an isoform whose exact CDS is predicted, but only in another reading frame; "internal_stop": predicted
        transcripts with a stop codon inside.
    """
    predicted_at: dict[Place, list[tuple[int, int]]] = defaultdict(list)
    phases: dict[tuple[str, str, tuple[tuple[int, int], ...]], set[int]] = defaultdict(set)
    internal_stop = 0
    for gene in predicted:
        for transcript in gene.transcripts:
            protein = translation(gene, transcript, genome, code)
            internal_stop += "*" in protein
            if transcript.cds:
                predicted_at[gene.seqid, gene.strand, protein].append(transcript.coding_span)
                phases[gene.seqid, gene.strand, transcript.cds].add(transcript.phase)
    counts = {"reference": 0, "identical": 0, "phase_differs": 0, "internal_stop": internal_stop}
    for gene in reference:
        coding = [t for t in gene.transcripts if t.cds]
        counts["reference"] += bool(coding)
        counts["identical"] += any(
            start < gene.end and end > gene.start
            for t in coding
            for start, end in predicted_at.get((gene.seqid, gene.strand, translation(gene, t, genome, code)), ())
        )
        exact = [(t, phases.get((gene.seqid, gene.strand, t.cds))) for t in coding]
        counts["phase_differs"] += any(p for _, p in exact) and not any(p and t.phase in p for t, p in exact)
    return counts


def translation(gene: Gene, transcript: Transcript, genome: Genome, code: GeneticCode) -> str:
    """Return a transcript's protein without the stop at its end; "" for a transcript that codes for none.

    Parameters
    ----------
    gene
        The gene, for sequence and strand.
    transcript
        One of its transcripts.
    genome
        Sequences that the transcript lies on.
    code
        Genetic code to translate with.
    """
    return translate(coding_codes(genome, gene, transcript), transcript, code) if transcript.cds else ""
