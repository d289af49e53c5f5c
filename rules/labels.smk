# Score a model's labels on the test strands of a genome: heads of one encoder compared.


rule score_labels:
    input:
        model=f"{RESULTS}/train/{{model}}/model",
        shards=lambda wildcards: LAYOUT.label_shards(wildcards.model, wildcards.genome),
    output:
        directory(f"{RESULTS}/labels/{{model}}/{{genome}}"),
    log:
        f"{LOGS}/score_labels/{{model}}/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/score_labels/{{model}}/{{genome}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=240,
    params:
        script=script("score_labels.py"),
        code=code("score_labels.py"),
        bootstrap=CONFIG.bootstrap,
    shell:
        "python {params.script:q} --model {input.model:q} --data {input.shards:q} --bootstrap {params.bootstrap}"
        " --output {output:q} > {log:q} 2>&1"
