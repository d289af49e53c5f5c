# `snakemake annotate --config genome=my.fa model=DIR`: one genome, one model, nothing else of the configuration.
# What reads the batches knows nothing of the options that choose among genes: only joining comes anew with those.


wildcard_constraints:
    annotator=r"[^/]+",


rule annotate_batch:
    input:
        model=CONFIG.annotate.model or [],
        fasta=CONFIG.annotate.genome or [],
        evidence=LAYOUT.annotate_evidence(),
    output:
        directory(f"{RESULTS}/annotate/{{genome}}/{{annotator}}/parts/batch_{{batch}}"),
    log:
        f"{LOGS}/annotate_batch/{{genome}}/{{annotator}}/{{batch}}.log",
    benchmark:
        f"{BENCHMARKS}/annotate_batch/{{genome}}/{{annotator}}/{{batch}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: LAYOUT.predict_threads()
    resources:
        mem_mb=megabytes(4000 * LAYOUT.predict_threads()),
        runtime=720,
        in_turn=1,
    params:
        script=script("predict.py"),
        code=code("predict.py"),
        work=f"{RESULTS}/annotate/{{genome}}/{{annotator}}/work/batch_{{batch}}",
        batches=CONFIG.annotate.batches,
        options=lambda wildcards: LAYOUT.annotate_read_options(),
    shell:
        "python {params.script:q} --model {input.model:q} --fasta {input.fasta:q} {params.options}"
        " --workers {threads} --batch {wildcards.batch} --batches {params.batches} --work {params.work:q} --output {output:q} > {log:q} 2>&1"


rule annotate_genome:
    input:
        model=CONFIG.annotate.model or [],
        fasta=CONFIG.annotate.genome or [],
        parts=lambda wildcards: LAYOUT.annotate_parts(),
        evidence=LAYOUT.annotate_evidence(),
    output:
        directory(f"{RESULTS}/annotate/{{genome}}/{{annotator}}/whole"),
    log:
        f"{LOGS}/annotate_genome/{{genome}}/{{annotator}}.log",
    benchmark:
        f"{BENCHMARKS}/annotate_genome/{{genome}}/{{annotator}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=60,
    params:
        script=script("join_predictions.py"),
        code=code("join_predictions.py"),
        options=lambda wildcards: LAYOUT.annotate_join_options(),
    shell:
        "python {params.script:q} {input.parts:q} --model {input.model:q} --fasta {input.fasta:q}"
        " {params.options}"
        " --output {output:q} > {log:q} 2>&1"
