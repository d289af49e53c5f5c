# Windows of a genome as WebDataset shards: one job a batch of sequences.


rule bake_batch:
    input:
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
        catalogue=lambda wildcards: LAYOUT.catalogue(wildcards.genome),
        regions=lambda wildcards: LAYOUT.region_lists(wildcards.genome),
        hints=lambda wildcards: LAYOUT.hints(wildcards.bake, wildcards.genome),
    output:
        directory(f"{RESULTS}/bake/{{bake}}/{{genome}}/batch_{{batch}}"),
    log:
        f"{LOGS}/bake_batch/{{bake}}/{{genome}}/{{batch}}.log",
    benchmark:
        f"{BENCHMARKS}/bake_batch/{{bake}}/{{genome}}/{{batch}}.tsv"
    conda:
        "../envs/genescribe.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=60,
        in_turn=1,
    params:
        script=script("bake.py"),
        code=code("bake.py"),
        batches=lambda wildcards: LAYOUT.genome(wildcards.genome).batches,
        options=lambda wildcards: LAYOUT.bake_options(wildcards.bake, wildcards.genome),
    shell:
        "python {params.script:q} --fasta {input.fasta:q} --catalogue {input.catalogue:q}"
        " --batch {wildcards.batch} --batches {params.batches} --options {params.options:q}"
        " --output {output:q} > {log:q} 2>&1"
