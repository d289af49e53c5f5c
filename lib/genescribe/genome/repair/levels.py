"""The level of each feature type: locus, transcript, or part of a transcript.

The names are terms of the Sequence Ontology and of the databases' dialects, in lower case. A type that stands in none
of the tables cannot be placed in a gene and is left out of sorted annotation, with a line in the log.
"""

from __future__ import annotations

LOCUS, TRANSCRIPT, PART, UNKNOWN = 1, 2, 3, 0


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SEQUENCE_WIDE = _words("biological_region chromosome contig region scaffold source")
"""Loci that describe a sequence: they stand first on it and need no children."""

STANDALONE = _words("""
    cacta_tir_transposon cage_cluster centromere conserved_region crispr d_loop dnasei_hypersensitive_site enhancer
    enhancer_blocking_element epigenetically_modified_region group_ii_intron hat_tir_transposon helitron insulator
    intergenic_region inverted_repeat knob l1_line_retrotransposon locus_control_region matrix_attachment_site
    meiotic_recombination_region minisatellite mobile_genetic_element mutator_tir_transposon
    non_allelic_homologous_recombination_region origin_of_replication pif_harbinger_tir_transposon promoter
    protein_bind protein_binding_site regulatory regulatory_region repeat_instability_region repeat_region
    response_element sequence_alteration sequence_comparison sequence_feature silencer subtelomere superlocus
    tandem_repeat tata_box tc1_mariner_tir_transposon transcriptional_cis_regulatory_region
    """)
"""Loci that need no children."""

LOCI = _words("""
    cdna_match est_match expressed_sequence_match gene lincrna_gene lncrna_gene match mirna_gene ncrna_gene
    nucleotide_motif nucleotide_to_protein_match orf pirna_gene polypeptide protein_coding_gene protein_match pseudogene
    pseudogenic_region rrna_gene sirna_gene snorna_gene snrna_gene sts translated_nucleotide_match
    transposable_element transposable_element_gene transposon_fragment
    """)
"""Loci that mean something only with a transcript (or a part of a match)."""

TRANSCRIPTS = _words("""
    aberrant_processed_transcript antisense_lncrna antisense_rna c_gene_segment copia_ltr_retrotransposon d_gene_segment
    gene_segment guide_rna gypsy_ltr_retrotransposon j_gene_segment lcrna lincrna lnc_rna lncrna long_terminal_repeat
    ltr/copia ltr_retrotransposon match_part microrna mirna mirna_primary_transcript misc_rna mrna nc_primary_transcript
    ncrna nmd_transcript_variant nucleotide_to_protein_match_part pirna pre_mirna primary_transcript
    processed_pseudogene processed_transcript pseudogenic_transcript pseudogenic_trna rna rnase_mrp_rna rnase_p_rna rrna
    scarna scrna similarity snorna snrna srna srp_rna target_site_duplication tmrna transcript transcript_region trna
    trna_pseudogene unconfirmed_transcript unitary_pseudogene v_gene_segment vaultrna vaultrna_primary_transcript
    """)

UTRS = _words("five_prime_utr three_prime_utr utr 5utr 3utr 5'-utr 3'-utr")

EXONIC = UTRS | _words("""
    cds sig_peptide start_codon stop_codon stop_codon_read_through transcription_end_site transcription_start_site
    tss tts
    """)
"""Parts that lie in an exon: where no exon row covers them, one is made or widened."""

SPREAD = UTRS | _words("cds pseudogenic_cds start_codon stop_codon uorf")
"""Features whose pieces may be several rows with one ID; all other IDs are unique."""

PARTS = (
    EXONIC
    | SPREAD
    | _words("""
        exon five_prime_cis_splice_site intron non_canonical_five_prime_splice_site
        non_canonical_three_prime_splice_site protein pseudogenic_exon selenocysteine splice3 splice5
        three_prime_cis_splice_site
        """)
)

NEVER_JOINED = frozenset({"uorf"})

_TABLE = (
    dict.fromkeys(PARTS, PART) | dict.fromkeys(TRANSCRIPTS, TRANSCRIPT) | dict.fromkeys(LOCI, LOCUS)
    | dict.fromkeys(STANDALONE | SEQUENCE_WIDE, LOCUS)
)  # fmt: skip


def level_of(kind: str, source: str, has_parent: bool) -> int:
    """Return the level of a feature type (`kind`, in lower case), or `UNKNOWN`.

    Ensembl and HAVANA use `processed_transcript` and `pseudogene` both as gene and as transcript, and Ensembl `RNA` for
    genes: there the Parent attribute tells which it is.

    Parameters
    ----------
    kind
        Type of the feature, in lower case.
    source
        Column 2 of the row.
    has_parent
        Whether the row has a Parent.
    """
    if kind in ("processed_transcript", "pseudogene", "rna") and ("ensembl" in source or "havana" in source):
        if kind == "rna":
            return LOCUS if source == "ensembl" else TRANSCRIPT
        return TRANSCRIPT if has_parent else LOCUS
    return _TABLE.get(kind, UNKNOWN)


def needs_children(kind: str) -> bool:
    """Whether a locus of this type without any transcript is an error."""
    return kind not in STANDALONE and kind not in SEQUENCE_WIDE
