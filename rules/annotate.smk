# `snakemake annotate --config genome=my.fa`: one genome, one model, nothing else of the configuration.
# What reads the batches knows nothing of the options that choose among genes: only joining comes anew with those.


wildcard_constraints:
    annotator=r"[^/]+",


use rule predict_batch as annotate_batch with:
    input:
        model=LAYOUT.annotate_model(),
        fasta=CONFIG.annotate.genome or [],
        evidence=LAYOUT.annotate_evidence(),
    output:
        directory(f"{RESULTS}/annotate/{{genome}}/{{annotator}}/parts/batch_{{batch}}"),
    log:
        f"{LOGS}/annotate_batch/{{genome}}/{{annotator}}/{{batch}}.log",
    benchmark:
        f"{BENCHMARKS}/annotate_batch/{{genome}}/{{annotator}}/{{batch}}.tsv"
    resources:
        mem_mb=megabytes(4000 * LAYOUT.predict_threads()),
        runtime=720,
        in_turn=1,
    params:
        work=f"{RESULTS}/annotate/{{genome}}/{{annotator}}/work/batch_{{batch}}",
        batches=LAYOUT.annotate_batches(),
        options=lambda wildcards: LAYOUT.annotate_read_options(),


use rule predict as annotate_genome with:
    input:
        model=LAYOUT.annotate_model(),
        fasta=CONFIG.annotate.genome or [],
        parts=lambda wildcards: LAYOUT.annotate_parts(),
        evidence=LAYOUT.annotate_evidence(),
    output:
        directory(f"{RESULTS}/annotate/{{genome}}/{{annotator}}/whole"),
    log:
        f"{LOGS}/annotate_genome/{{genome}}/{{annotator}}.log",
    benchmark:
        f"{BENCHMARKS}/annotate_genome/{{genome}}/{{annotator}}.tsv"
    params:
        options=lambda wildcards: LAYOUT.annotate_join_options(),
