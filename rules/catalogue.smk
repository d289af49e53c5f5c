# Sort and repair the annotation; load it into the catalogue. `annotation` is a genome, or GENOME.REFERENCE for a
# further annotation of the same genome.


rule sort:
    input:
        f"{RESULTS}/input/{{annotation}}/annotation.gxf",
    output:
        annotation=f"{RESULTS}/sort/{{annotation}}/annotation.sorted.gff3",
        repairs=f"{RESULTS}/sort/{{annotation}}/annotation.sorted.gff3.repairs.tsv",
    log:
        f"{LOGS}/sort/{{annotation}}.log",
    benchmark:
        f"{BENCHMARKS}/sort/{{annotation}}.tsv"
    conda:
        "../envs/agat.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=120,
        in_turn=1,
    params:
        script=script("sort_annotation.py"),
        code=code("sort_annotation.py"),
        sorter=lambda wildcards: LAYOUT.sorter(wildcards.annotation),
    shell:
        "python {params.script:q} {input:q} {output.annotation:q} --sorter {params.sorter} > {log:q} 2>&1"


rule catalogue:
    input:
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.annotation),
        annotation=f"{RESULTS}/sort/{{annotation}}/annotation.sorted.gff3",
    output:
        catalogue=f"{RESULTS}/catalogue/{{annotation}}/catalogue.duckdb",
        stats=report(
            f"{RESULTS}/catalogue/{{annotation}}/stats.txt",
            category="Data",
            caption="report/catalogue.rst",
            labels={"annotation": "{annotation}"},
        ),
    log:
        f"{LOGS}/catalogue/{{annotation}}.log",
    benchmark:
        f"{BENCHMARKS}/catalogue/{{annotation}}.tsv"
    conda:
        "../envs/genescribe.yaml"
    threads: 2
    resources:
        mem_mb=megabytes(2000),
        runtime=60,
        in_turn=1,
    params:
        script=script("catalogue.py"),
        code=code("catalogue.py"),
        genetic_code=lambda wildcards: LAYOUT.genome(wildcards.annotation).genetic_code,
    shell:
        "python {params.script:q} --fasta {input.fasta:q} --annotation {input.annotation:q}"
        " --genetic-code {params.genetic_code} --output {output.catalogue:q} --stats {output.stats:q} > {log:q} 2>&1"


rule folds:
    input:
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
        catalogue=lambda wildcards: LAYOUT.catalogue(wildcards.genome),
    output:
        directory(f"{RESULTS}/folds/{{genome}}"),
    log:
        f"{LOGS}/folds/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/folds/{{genome}}.tsv"
    conda:
        "../envs/genescribe.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=60,
    params:
        script=script("folds.py"),
        code=code("folds.py"),
        options=lambda wildcards: LAYOUT.fold_options(wildcards.genome),
    shell:
        "python {params.script:q} --fasta {input.fasta:q} --catalogue {input.catalogue:q} {params.options}"
        " --output {output:q} > {log:q} 2>&1"
