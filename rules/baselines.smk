# Baselines of every learned result: the ORF rule, AUGUSTUS with stock and with retrained parameters, and on
# simulated genomes the ceiling; and what other programs wrote (`baselines.files` of a genome).


rule orf_rule:
    input:
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
        regions=lambda wildcards: LAYOUT.region_lists(wildcards.genome),
    output:
        directory(f"{RESULTS}/baseline/orf_rule/{{genome}}/whole"),
    log:
        f"{LOGS}/orf_rule/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/orf_rule/{{genome}}.tsv"
    conda:
        "../envs/genescribe.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=60,
    params:
        script=script("baseline.py"),
        code=code("baseline.py"),
        regions=lambda wildcards: LAYOUT.test_regions(wildcards.genome),
        genetic_code=lambda wildcards: LAYOUT.genome(wildcards.genome).genetic_code,
    shell:
        "python {params.script:q} orf --fasta {input.fasta:q} --regions {params.regions:q}"
        " --genetic-code {params.genetic_code} --output {output:q} > {log:q} 2>&1"


rule augustus:
    input:
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
        regions=lambda wildcards: LAYOUT.region_lists(wildcards.genome),
    output:
        directory(f"{RESULTS}/baseline/augustus/{{genome}}/whole"),
    log:
        f"{LOGS}/augustus/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/augustus/{{genome}}.tsv"
    conda:
        "../envs/augustus.yaml"
    threads: 2
    resources:
        mem_mb=megabytes(4000),
        runtime=720,
    params:
        script=script("baseline.py"),
        code=code("baseline.py"),
        parameters=lambda wildcards: LAYOUT.species_options(wildcards.genome),
        options=LAYOUT.augustus_options(),
        regions=lambda wildcards: LAYOUT.test_regions(wildcards.genome),
        genetic_code=lambda wildcards: LAYOUT.genome(wildcards.genome).genetic_code,
    shell:
        "python {params.script:q} augustus --fasta {input.fasta:q} --regions {params.regions:q}"
        " --genetic-code {params.genetic_code} {params.parameters} --workers {threads} {params.options}"
        " --output {output:q} > {log:q} 2>&1"


rule train_augustus:
    input:
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
        catalogue=lambda wildcards: LAYOUT.catalogue(wildcards.genome),
        regions=lambda wildcards: LAYOUT.region_lists(wildcards.genome),
    output:
        directory(f"{RESULTS}/baseline/augustus_training/{{genome}}"),
    log:
        f"{LOGS}/train_augustus/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/train_augustus/{{genome}}.tsv"
    conda:
        "../envs/augustus.yaml"
    threads: 2 if CONFIG.baselines.augustus_rounds else 1
    resources:
        mem_mb=megabytes(4000),
        runtime=720,
    params:
        script=script("train_augustus.py"),
        code=code("train_augustus.py"),
        rounds=CONFIG.baselines.augustus_rounds,
        options=lambda wildcards: LAYOUT.split_options(wildcards.genome),
    shell:
        "python {params.script:q} --fasta {input.fasta:q} --catalogue {input.catalogue:q}"
        " --options {params.options:q} --rounds {params.rounds} --workers {threads}"
        " --output {output:q} > {log:q} 2>&1"


use rule augustus as augustus_retrained with:
    input:
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
        regions=lambda wildcards: LAYOUT.region_lists(wildcards.genome),
        trained=f"{RESULTS}/baseline/augustus_training/{{genome}}",
    output:
        directory(f"{RESULTS}/baseline/augustus_retrained/{{genome}}/whole"),
    log:
        f"{LOGS}/augustus_retrained/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/augustus_retrained/{{genome}}.tsv"
    params:
        parameters=lambda wildcards: "--trained "
        + quote(f"{RESULTS}/baseline/augustus_training/{wildcards.genome}"),


rule ceiling:
    input:
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
        regions=lambda wildcards: LAYOUT.region_lists(wildcards.genome),
    output:
        directory(f"{RESULTS}/baseline/ceiling/{{genome}}/whole"),
    log:
        f"{LOGS}/ceiling/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/ceiling/{{genome}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=60,
    params:
        script=script("ceiling.py"),
        code=code("ceiling.py"),
        options=lambda wildcards: LAYOUT.ceiling_options(wildcards.genome),
    shell:
        "python {params.script:q} --fasta {input.fasta:q} {params.options}"
        " --output {output:q}/annotation.gff3 > {log:q} 2>&1"


rule given_annotation:
    input:
        annotation=lambda wildcards: given_file(wildcards.given, wildcards.genome),
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
    output:
        directory(f"{RESULTS}/baseline/{{given}}/{{genome}}/whole"),
    log:
        f"{LOGS}/given_annotation/{{given}}/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/given_annotation/{{given}}/{{genome}}.tsv"
    wildcard_constraints:
        given=LAYOUT.given_names(),
    conda:
        "../envs/genescribe.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=60,
    params:
        script=script("baseline.py"),
        code=code("baseline.py"),
        genetic_code=lambda wildcards: LAYOUT.genome(wildcards.genome).genetic_code,
    shell:
        "python {params.script:q} file --annotation {input.annotation:q} --fasta {input.fasta:q}"
        " --genetic-code {params.genetic_code} --output {output:q} > {log:q} 2>&1"
