# Score a prediction against an annotation on the genome's test regions; a model beside the baselines, in pairs.


rule score:
    input:
        catalogue=lambda wildcards: LAYOUT.catalogue(wildcards.annotation),
        regions=lambda wildcards: LAYOUT.region_lists(wildcards.annotation),
        prediction=lambda wildcards: LAYOUT.prediction(
            wildcards.method, wildcards.annotation
        ),
        rivals=lambda wildcards: list(
            LAYOUT.rivals(wildcards.method, wildcards.annotation).values()
        ),
        fasta=lambda wildcards: LAYOUT.genome_fasta(wildcards.annotation),
    output:
        report(
            f"{RESULTS}/evaluate/{{method}}/{{annotation}}/metrics.json",
            category="Accuracy",
            caption="report/metrics.rst",
            labels={"method": "{method}", "annotation": "{annotation}"},
        ),
    log:
        f"{LOGS}/score/{{method}}/{{annotation}}.log",
    benchmark:
        f"{BENCHMARKS}/score/{{method}}/{{annotation}}.tsv"
    conda:
        "../envs/genescribe.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=60,
    params:
        script=script("evaluate.py"),
        code=code("evaluate.py"),
        options=lambda wildcards: LAYOUT.evaluate_options(
            wildcards.method, wildcards.annotation
        ),
    shell:
        "python {params.script:q} {input.catalogue:q} {input.prediction:q}/annotation.gff3"
        " --fasta {input.fasta:q} {params.options} --output {output:q} > {log:q} 2>&1"
