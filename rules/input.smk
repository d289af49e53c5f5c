# Bring the inputs: simulate, or fetch, unpack and check.


rule simulate:
    output:
        fasta=f"{RESULTS}/simulate/{{genome}}/genome.fa",
        annotation=f"{RESULTS}/simulate/{{genome}}/annotation.gff3",
    log:
        f"{LOGS}/simulate/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/simulate/{{genome}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=30,
        in_turn=1,
    params:
        script=script("simulate.py"),
        code=code("simulate.py"),
        options=lambda wildcards: LAYOUT.simulate_options(wildcards.genome),
    shell:
        "python {params.script:q} {params.options} --output-fasta {output.fasta:q}"
        " --output-gff3 {output.annotation:q} > {log:q} 2>&1"


rule fetch_genome:
    input:
        lambda wildcards: LAYOUT.local_source(wildcards.genome, "fasta"),
    output:
        fasta=f"{RESULTS}/input/{{genome}}/genome.fa",
        index=f"{RESULTS}/input/{{genome}}/genome.fa.fai",
    log:
        f"{LOGS}/fetch_genome/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/fetch_genome/{{genome}}.tsv"
    conda:
        "../envs/genescribe.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=120,
        in_turn=1,
    params:
        script=script("fetch_input.py"),
        code=code("fetch_input.py"),
        source=lambda wildcards: LAYOUT.source_options(wildcards.genome, "fasta"),
    shell:
        "python {params.script:q} fasta {params.source} --output {output.fasta:q} > {log:q} 2>&1"


rule fetch_annotation:
    input:
        lambda wildcards: LAYOUT.local_source(wildcards.annotation, "annotation"),
    output:
        f"{RESULTS}/input/{{annotation}}/annotation.gxf",
    log:
        f"{LOGS}/fetch_annotation/{{annotation}}.log",
    benchmark:
        f"{BENCHMARKS}/fetch_annotation/{{annotation}}.tsv"
    conda:
        "../envs/genescribe.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=120,
        in_turn=1,
    params:
        script=script("fetch_input.py"),
        code=code("fetch_input.py"),
        source=lambda wildcards: LAYOUT.source_options(
            wildcards.annotation, "annotation"
        ),
    shell:
        "python {params.script:q} annotation {params.source} --output {output:q} > {log:q} 2>&1"
