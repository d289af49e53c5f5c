# `snakemake annotate --config genome=my.fa model=DIR`: one genome, one model, nothing else of the configuration.


rule annotate_batch:
    input:
        model=CONFIG.annotate.model or [],
        fasta=CONFIG.annotate.genome or [],
    output:
        directory(f"{RESULTS}/annotate/{{genome}}/parts/batch_{{batch}}"),
    log:
        f"{LOGS}/annotate_batch/{{genome}}/{{batch}}.log",
    benchmark:
        f"{BENCHMARKS}/annotate_batch/{{genome}}/{{batch}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: LAYOUT.predict_threads()
    resources:
        mem_mb=megabytes(4000 * LAYOUT.predict_threads()),
        runtime=720,
    params:
        script=script("predict.py"),
        code=code("predict.py"),
        work=lambda wildcards: f"{RESULTS}/annotate/{wildcards.genome}/work/batch_{wildcards.batch}",
        batches=CONFIG.annotate.batches,
        options=lambda wildcards, threads: LAYOUT.annotate_options(threads),
    shell:
        "python {params.script:q} --model {input.model:q} --fasta {input.fasta:q} {params.options}"
        " --batch {wildcards.batch} --batches {params.batches} --work {params.work:q} --output {output:q} > {log:q} 2>&1"


rule annotate_genome:
    input:
        model=CONFIG.annotate.model or [],
        fasta=CONFIG.annotate.genome or [],
        parts=lambda wildcards: LAYOUT.annotate_parts(),
    output:
        directory(f"{RESULTS}/annotate/{{genome}}/whole"),
    log:
        f"{LOGS}/annotate_genome/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/annotate_genome/{{genome}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=60,
    params:
        script=script("join_predictions.py"),
        code=code("join_predictions.py"),
        options=lambda wildcards, threads: LAYOUT.annotate_options(threads),
    shell:
        "python {params.script:q} {input.parts:q} --model {input.model:q} --fasta {input.fasta:q}"
        " {params.options}"
        " --output {output:q} > {log:q} 2>&1"
