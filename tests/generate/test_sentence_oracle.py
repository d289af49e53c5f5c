"""Law 2: annotation -> sentence -> tokens -> GFF3 gives back the annotation, all isoforms, on every real genome.

The genes come through the catalogue, on windows as they are baked. What a sentence cannot say is counted by reason,
and so is what the catalogue rejects; the counts stand here.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from genescribe.evaluate.accuracy import compare
from genescribe.generate.text import tokenizer
from genescribe.generate.text.sentence import GeneSentence, expressible_part, gene_of, sentence_of
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.catalogue.database import Catalogue, build_catalogue
from genescribe.genome.model import Gene, mirror

# What of an annotation sentences say; what the catalogue rejects; genes and transcripts that they cannot say.
GENOMES: dict[str, dict[str, dict[str, int]]] = {
    "Arabidopsis.thaliana_1pct/annotation.gff3.gz": {
        "said": {"genes": 343, "transcripts": 459},
        "catalogue": {"missing_parent": 4},
        "genes": {"non-coding transcript": 37},
        "transcripts": {"non-coding transcript": 41},
    },
    "Caenorhabditis.elegans_smallgenes/annotation.gff3.gz": {
        "said": {"genes": 1045, "transcripts": 1173},
        "catalogue": {"missing_parent": 231},
        "genes": {},
        "transcripts": {"non-coding transcript": 5},
    },
    "Drosophila.melanogaster_2L_3Mb/annotation.gtf.gz": {
        "said": {"genes": 378, "transcripts": 544},
        "catalogue": {},
        "genes": {},
        "transcripts": {"repeats another transcript": 279},
    },
    "Homo.sapiens_chr1_chunks/annotation.gtf.gz": {
        "said": {"genes": 88, "transcripts": 153},
        "catalogue": {},
        "genes": {},
        "transcripts": {"partial coding sequence": 1},
    },
    "Leishmania.major_chr1/annotation.gff3.gz": {
        "said": {"genes": 85, "transcripts": 85},
        "catalogue": {},
        "genes": {},
        "transcripts": {},
    },
    "Populus.trichocarpa_Chr01_8Mb/annotation.gff3.gz": {
        "said": {"genes": 1028, "transcripts": 1881},
        "catalogue": {},
        "genes": {},
        "transcripts": {},
    },
    "Saccharomyces.cerevisiae/annotation.gtf.gz": {
        "said": {"genes": 6600, "transcripts": 6600},
        "catalogue": {},
        "genes": {"non-coding transcript": 436},
        "transcripts": {"non-coding transcript": 436},
    },
    "Saccharomyces.cerevisiae/annotation.refseq_R64-4-1.gff3.gz": {
        "said": {"genes": 5973, "transcripts": 5973},
        "catalogue": {},
        "genes": {"non-coding transcript": 450, "coding sequence with a gap inside an exon": 47},
        "transcripts": {"non-coding transcript": 450, "coding sequence with a gap inside an exon": 47},
    },
    "Schizosaccharomyces.pombe_minigenome/annotation.gff3.gz": {
        "said": {"genes": 200, "transcripts": 200},
        "catalogue": {},
        "genes": {},
        "transcripts": {},
    },
    "Trypanosoma.brucei_chr1/annotation.gff3.gz": {
        "said": {"genes": 471, "transcripts": 471},
        "catalogue": {},
        "genes": {"non-coding transcript": 42},
        "transcripts": {"non-coding transcript": 42, "repeats another transcript": 1},
    },
}


def structures(genes: list[Gene]) -> list[tuple[object, ...]]:
    return sorted(
        (gene.seqid, gene.strand, sorted((t.exons, t.cds, t.phase) for t in gene.transcripts)) for gene in genes
    )


def round_trip(path: Path, folder: Path) -> dict[str, Counter[str]]:
    """Assert that all that sentences can say comes back; return what became of every gene and transcript."""
    build_catalogue(path.parent / "genome.fa.gz", path, folder / "catalogue.duckdb")
    catalogue = Catalogue(folder / "catalogue.duckdb")
    lengths = catalogue.sequences()
    genes = catalogue.genes()
    said: list[Gene] = []
    heard: list[Gene] = []
    lost: dict[str, Counter[str]] = {
        "catalogue": Counter(item.reason for item in catalogue.rejected()),
        "genes": Counter(),
        "transcripts": Counter(),
    }
    for gene in genes:
        told = expressible_part(gene)
        lost["transcripts"].update(reason for _, reason in told.left_out)
        if told.gene is None:
            lost["genes"][str(told.reason)] += 1
            continue
        window, length = max(0, gene.start - 100), lengths[gene.seqid]
        sentence = GeneSentence.parse(tokenizer.text_of(tokenizer.encode(sentence_of(told.gene, window))))
        assert sentence.reverse_complement(length) == sentence_of(mirror(told.gene, length), -window)
        said.append(told.gene)
        heard.append(gene_of(sentence, gene.id, gene.seqid, window))
    assert len(said) + lost["genes"].total() == len(genes)
    write_gff3(folder / "heard.gff3", heard, lengths)
    written = read_genes(folder / "heard.gff3")
    assert structures(written) == structures(heard) == structures(said)
    for level in ("cds", "exon"):
        # Isoforms of one coding sequence count as repeated predictions, also where the truth is scored on itself.
        scores = compare(said, written, level=level)
        assert scores == compare(said, said, level=level)
        assert scores["base"]["f1"] == scores["locus"]["f1"] == 1.0
    return {"said": Counter(genes=len(said), transcripts=sum(len(g.transcripts) for g in said)), **lost}


@pytest.mark.parametrize("name", GENOMES)
def test_every_isoform_of_every_genome(name: str, data_dir: Path, tmp_path: Path) -> None:
    assert round_trip(data_dir / "eukaryotes" / name, tmp_path) == GENOMES[name]
