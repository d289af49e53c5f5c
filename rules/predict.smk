# Annotate the test sequences of a genome with a trained model: batches, then one annotation.


rule predict_batch:
    input:
        model=lambda wildcards: LAYOUT.model_folder(wildcards.model),
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
        regions=lambda wildcards: LAYOUT.region_lists(wildcards.genome),
    output:
        directory(f"{RESULTS}/predict/{{model}}/{{genome}}/batch_{{batch}}"),
    log:
        f"{LOGS}/predict_batch/{{model}}/{{genome}}/{{batch}}.log",
    benchmark:
        f"{BENCHMARKS}/predict_batch/{{model}}/{{genome}}/{{batch}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: LAYOUT.predict_threads()
    resources:
        mem_mb=megabytes(4000 * LAYOUT.predict_threads()),
        runtime=240,
        in_turn=1,
    params:
        script=script("predict.py"),
        code=code("predict.py"),
        work=f"{RESULTS}/predict/{{model}}/{{genome}}/work/batch_{{batch}}",
        batches=lambda wildcards: LAYOUT.genome(wildcards.genome).batches,
        options=lambda wildcards: LAYOUT.read_options(wildcards.genome),
    shell:
        "python {params.script:q} --model {input.model:q} --fasta {input.fasta:q} {params.options}"
        " --workers {threads} --batch {wildcards.batch} --batches {params.batches} --work {params.work:q} --output {output:q} > {log:q} 2>&1"


rule predict:
    input:
        model=lambda wildcards: LAYOUT.model_folder(wildcards.model),
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
        parts=lambda wildcards: LAYOUT.predict_parts(wildcards.model, wildcards.genome),
    output:
        directory(f"{RESULTS}/predict/{{model}}/{{genome}}/whole"),
    log:
        f"{LOGS}/predict/{{model}}/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/predict/{{model}}/{{genome}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=60,
    params:
        script=script("join_predictions.py"),
        code=code("join_predictions.py"),
        options=lambda wildcards: LAYOUT.join_options(wildcards.genome),
    shell:
        "python {params.script:q} {input.parts:q} --model {input.model:q} --fasta {input.fasta:q}"
        " {params.options}"
        " --output {output:q} > {log:q} 2>&1"


rule pool_folds:
    input:
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
        parts=lambda wildcards: LAYOUT.pooled(wildcards.genome)[wildcards.method],
    output:
        directory(f"{RESULTS}/pool/{{method}}/{{genome}}/whole"),
    log:
        f"{LOGS}/pool_folds/{{method}}/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/pool_folds/{{method}}/{{genome}}.tsv"
    conda:
        "../envs/genescribe.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=60,
    params:
        script=script("pool_folds.py"),
        code=code("pool_folds.py"),
        genetic_code=lambda wildcards: LAYOUT.genome(wildcards.genome).genetic_code,
    shell:
        "python {params.script:q} {input.parts:q} --fasta {input.fasta:q} --genetic-code {params.genetic_code}"
        " --output {output:q} > {log:q} 2>&1"
