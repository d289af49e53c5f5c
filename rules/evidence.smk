# Evidence on the genome of `snakemake annotate`: reads are mapped where that is asked for, and all becomes one table.


rule annotate_index:
    input:
        CONFIG.annotate.genome or [],
    output:
        directory(f"{RESULTS}/annotate/{{genome}}/{{annotator}}/mapped/hisat2"),
    log:
        f"{LOGS}/annotate_index/{{genome}}/{{annotator}}.log",
    benchmark:
        f"{BENCHMARKS}/annotate_index/{{genome}}/{{annotator}}.tsv"
    conda:
        "../envs/mapping.yaml"
    threads: LAYOUT.predict_threads()
    resources:
        mem_mb=megabytes(16000),
        runtime=240,
    params:
        script=script("map_reads.py"),
        code=code("map_reads.py"),
    shell:
        "python {params.script:q} --fasta {input:q} --threads {threads} --build {output:q} > {log:q} 2>&1"


rule annotate_map_short:
    input:
        reference=f"{RESULTS}/annotate/{{genome}}/{{annotator}}/mapped/hisat2",
        reads=lambda wildcards: LAYOUT.fastq("reads", int(wildcards.number)),
    output:
        bam=f"{RESULTS}/annotate/{{genome}}/{{annotator}}/mapped/reads_{{number}}.bam",
        index=f"{RESULTS}/annotate/{{genome}}/{{annotator}}/mapped/reads_{{number}}.bam.bai",
    log:
        f"{LOGS}/annotate_map_short/{{genome}}/{{annotator}}/{{number}}.log",
    benchmark:
        f"{BENCHMARKS}/annotate_map_short/{{genome}}/{{annotator}}/{{number}}.tsv"
    wildcard_constraints:
        number=r"\d+",
    conda:
        "../envs/mapping.yaml"
    threads: LAYOUT.predict_threads()
    resources:
        mem_mb=megabytes(12000),
        runtime=720,
    params:
        script=script("map_reads.py"),
        code=code("map_reads.py"),
        reference="--index",
    shell:
        "python {params.script:q} {params.reference} {input.reference:q} --reads {input.reads:q} --threads {threads}"
        " --output {output.bam:q} > {log:q} 2>&1"


use rule annotate_map_short as annotate_map_long with:
    input:
        reference=CONFIG.annotate.genome or [],
        reads=lambda wildcards: LAYOUT.fastq("long_reads", int(wildcards.number)),
    output:
        bam=f"{RESULTS}/annotate/{{genome}}/{{annotator}}/mapped/long_reads_{{number}}.bam",
        index=f"{RESULTS}/annotate/{{genome}}/{{annotator}}/mapped/long_reads_{{number}}.bam.bai",
    log:
        f"{LOGS}/annotate_map_long/{{genome}}/{{annotator}}/{{number}}.log",
    benchmark:
        f"{BENCHMARKS}/annotate_map_long/{{genome}}/{{annotator}}/{{number}}.tsv"
    resources:
        mem_mb=megabytes(16000),
        runtime=720,
    params:
        reference="--fasta",


rule annotate_evidence:
    input:
        fasta=CONFIG.annotate.genome or [],
        bam=lambda wildcards: LAYOUT.evidence_files("bam"),
        junctions=lambda wildcards: LAYOUT.evidence_files("junctions"),
        hints=lambda wildcards: LAYOUT.evidence_files("hints"),
        proteins=lambda wildcards: LAYOUT.evidence_files("proteins"),
    output:
        directory(f"{RESULTS}/annotate/{{genome}}/{{annotator}}/evidence"),
    log:
        f"{LOGS}/annotate_evidence/{{genome}}/{{annotator}}.log",
    benchmark:
        f"{BENCHMARKS}/annotate_evidence/{{genome}}/{{annotator}}.tsv"
    conda:
        "../envs/evidence.yaml"
    threads: LAYOUT.predict_threads()
    resources:
        mem_mb=megabytes(8000),
        runtime=720,
    params:
        script=script("collect_evidence.py"),
        code=code("collect_evidence.py"),
        options=lambda wildcards: LAYOUT.evidence_options(),
    shell:
        "python {params.script:q} --fasta {input.fasta:q} {params.options} --workers {threads}"
        " --output {output:q} > {log:q} 2>&1"
