# Completeness: BUSCO on proteins, predicted and of the reference, on the same regions; and on the genome itself.


rule busco_proteins:
    input:
        annotation=lambda wildcards: LAYOUT.busco_annotation(
            wildcards.method, wildcards.genome
        ),
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
    output:
        f"{RESULTS}/busco/proteins/{{method}}/{{genome}}/busco.json",
    log:
        f"{LOGS}/busco_proteins/{{method}}/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/busco_proteins/{{method}}/{{genome}}.tsv"
    conda:
        "../envs/busco.yaml"
    threads: 2
    resources:
        mem_mb=megabytes(4000),
        runtime=240,
    params:
        script=script("busco.py"),
        code=code("busco.py"),
        options=lambda wildcards: LAYOUT.busco_options(wildcards.genome),
        regions=lambda wildcards: LAYOUT.test_regions(wildcards.genome),
    shell:
        "python {params.script:q} --annotation {input.annotation:q} --fasta {input.fasta:q} {params.options}"
        " --regions {params.regions:q} --threads {threads} --output {output:q} > {log:q} 2>&1"


rule busco_genome:
    input:
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.genome),
    output:
        f"{RESULTS}/busco/genome/{{genome}}/busco.json",
    log:
        f"{LOGS}/busco_genome/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/busco_genome/{{genome}}.tsv"
    conda:
        "../envs/busco.yaml"
    threads: 8
    resources:
        mem_mb=megabytes(16000),
        runtime=1440,
    params:
        script=script("busco.py"),
        code=code("busco.py"),
        options=lambda wildcards: LAYOUT.busco_options(wildcards.genome),
    shell:
        "python {params.script:q} --fasta {input.fasta:q} {params.options}"
        " --threads {threads} --output {output:q} > {log:q} 2>&1"
