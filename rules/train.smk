# Train one model. Checkpoints lie in an undeclared folder, since Snakemake removes declared outputs of a failed job:
# a job that was killed resumes from them.


rule train_model:
    input:
        data=lambda wildcards: LAYOUT.shards_of_model(wildcards.model),
    output:
        model=directory(f"{RESULTS}/train/{{model}}/model"),
        log=f"{RESULTS}/train/{{model}}/log.csv",
    log:
        f"{LOGS}/train_model/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/train_model/{{model}}.tsv"
    wildcard_constraints:
        model=LAYOUT.learning("train"),
    conda:
        "../envs/torch-cuda.yaml" if LAYOUT.trains_on_gpus() else "../envs/torch.yaml"
    threads: lambda wildcards: LAYOUT.train_threads(wildcards.model)
    resources:
        mem_mb=megabytes(6000),
        runtime=720,
        gpu=lambda wildcards: LAYOUT.train_resources(wildcards.model)["gpu"],
        gres=lambda wildcards: LAYOUT.train_resources(wildcards.model)["gres"],
        nodes=lambda wildcards: LAYOUT.train_resources(wildcards.model)["nodes"],
        tasks=lambda wildcards: LAYOUT.train_resources(wildcards.model)["tasks"],
        tasks_per_node=lambda wildcards: LAYOUT.train_resources(wildcards.model)[
            "tasks_per_node"
        ],
        mpi=lambda wildcards: LAYOUT.train_resources(wildcards.model)["mpi"],
    params:
        script=script("train.py"),
        code=code("train.py"),
        folder=lambda wildcards: LAYOUT.train_folder(wildcards.model),
        options=lambda wildcards: LAYOUT.train_options(wildcards.model),
        launcher=lambda wildcards: LAYOUT.launcher(wildcards.model, script("launch.py")),
        start="",
    shell:
        "{params.launcher} {params.script:q} --data {input.data:q}{params.start} --options {params.options:q}"
        " --output {params.folder:q} > {log:q} 2>&1"
