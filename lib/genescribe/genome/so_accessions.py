"""Feature types as accessions of the Sequence Ontology (`SO:0000704`), which GFF3 allows in column three."""

from __future__ import annotations

import re

SO_NAMES = {
    f"SO:{int(number):07d}": name
    for number, name in re.findall(
        r"(\d+):(\S+)",
        """
        1:region 13:scRNA 36:matrix_attachment_site 37:locus_control_region 39:match_part 43:processed_pseudogene
        101:transposable_element 102:expressed_sequence_match 104:polypeptide 110:sequence_feature
        111:transposable_element_gene 147:exon 149:contig 163:five_prime_cis_splice_site
        164:three_prime_cis_splice_site 165:enhancer 167:promoter 174:TATA_box 181:translated_nucleotide_match
        185:primary_transcript 186:LTR_retrotransposon 188:intron 203:UTR 204:five_prime_UTR 205:three_prime_UTR
        234:mRNA 236:ORF 252:rRNA 253:tRNA 274:snRNA 275:snoRNA 276:miRNA 286:long_terminal_repeat 294:inverted_repeat
        296:origin_of_replication 297:D_loop 315:TSS 316:CDS 318:start_codon 319:stop_codon 330:conserved_region
        331:STS 336:pseudogene 340:chromosome 343:match 349:protein_match 356:RNA 385:RNase_MRP_RNA 386:RNase_P_RNA
        410:protein_binding_site 434:target_site_duplication 458:D_gene_segment 462:pseudogenic_region
        466:V_gene_segment 470:J_gene_segment 478:C_gene_segment 483:nc_primary_transcript 507:pseudogenic_exon
        516:pseudogenic_transcript 544:helitron 577:centromere 584:tmRNA 590:SRP_RNA 602:guide_RNA 603:group_II_intron
        605:intergenic_region 616:transcription_end_site 625:silencer 627:insulator 643:minisatellite
        644:antisense_RNA 647:miRNA_primary_transcript 655:ncRNA 657:repeat_region 668:EST_match 673:transcript
        678:non_canonical_three_prime_splice_site 679:non_canonical_five_prime_splice_site
        681:aberrant_processed_transcript 685:DNAseI_hypersensitive_site 689:cDNA_match 704:gene 705:tandem_repeat
        714:nucleotide_motif 778:pseudogenic_tRNA 833:transcript_region 883:stop_codon_read_through 1035:piRNA
        1037:mobile_genetic_element 1054:transposon_fragment 1055:transcriptional_cis_regulatory_region
        1059:sequence_alteration 1217:protein_coding_gene 1244:pre_miRNA 1263:ncRNA_gene 1265:miRNA_gene
        1267:snoRNA_gene 1268:snRNA_gene 1411:biological_region 1455:selenocysteine 1459:CRISPR 1463:lincRNA
        1503:processed_transcript 1621:NMD_transcript_variant 1637:rRNA_gene 1638:piRNA_gene 1641:lincRNA_gene
        1720:epigenetically_modified_region 1759:unitary_pseudogene 1877:lnc_RNA 1904:antisense_lncRNA
        1917:CAGE_cluster 1997:subtelomere 2027:uORF 2040:vaultRNA_primary_transcript 2072:sequence_comparison
        2087:pseudogenic_CDS 2094:non_allelic_homologous_recombination_region 2095:scaRNA 2127:lncRNA_gene
        2139:unconfirmed_transcript 2155:meiotic_recombination_region 5836:regulatory_region 3000000:gene_segment
        """,
    )
}
"""The terms that `genescribe.genome.sort_levels` knows, by accession (so-xp 2015-11-24)."""


def type_name(text: str) -> str:
    """Return the name of a feature type that may be written as an accession; an unknown accession stays.

    Examples
    --------
    >>> type_name("SO:0000704"), type_name("mRNA")
    ('gene', 'mRNA')
    """
    return SO_NAMES.get(text.upper(), text) if text[:3].upper() == "SO:" else text
