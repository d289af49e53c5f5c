# Begin with a model: an untrained one, of fresh or published weights; then fine-tuning on loci, and training by rewards
# (GRPO) on prompts, both resumed as `train_model` is.


rule init_model:
    input:
        lambda wildcards: LAYOUT.init_fastas(wildcards.init),
    output:
        directory(f"{RESULTS}/init/{{init}}/model"),
    log:
        f"{LOGS}/init_model/{{init}}.log",
    benchmark:
        f"{BENCHMARKS}/init_model/{{init}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=60,
    params:
        script=script("init_model.py"),
        code=code("init_model.py"),
        model=lambda wildcards: LAYOUT.init_model(wildcards.init),
        init=lambda wildcards: LAYOUT.init_options(wildcards.init),
    shell:
        "python {params.script:q} --model {params.model:q} --init {params.init:q} --output {output:q}"
        " --fasta {input:q} > {log:q} 2>&1"


use rule train_model as finetune_model with:
    input:
        data=lambda wildcards: LAYOUT.shards_of_model(wildcards.model),
        start=lambda wildcards: LAYOUT.start_folder(wildcards.model),
    log:
        f"{LOGS}/finetune_model/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/finetune_model/{{model}}.tsv"
    wildcard_constraints:
        model=LAYOUT.learning("finetune"),


rule prep_prompts:
    input:
        data=lambda wildcards: REWARDS.prompt_shards(wildcards.run),
    output:
        directory(f"{RESULTS}/prompts/{{run}}"),
    log:
        f"{LOGS}/prep_prompts/{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/prep_prompts/{{run}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=60,
    params:
        script=script("prep_grpo.py"),
        code=code("prep_grpo.py"),
        options=lambda wildcards: REWARDS.prompt_options(wildcards.run),
    shell:
        "python {params.script:q} --data {input.data:q} --options {params.options:q}"
        " --output {output:q} > {log:q} 2>&1"


use rule train_model as grpo_model with:
    input:
        data=lambda wildcards: REWARDS.prompts(wildcards.model),
        start=lambda wildcards: LAYOUT.start_folder(wildcards.model),
    log:
        f"{LOGS}/grpo_model/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/grpo_model/{{model}}.tsv"
    wildcard_constraints:
        model=LAYOUT.learning("grpo"),
    params:
        script=script("grpo.py"),
        code=code("grpo.py"),
        start=lambda wildcards: f" --model {quote(LAYOUT.start_folder(wildcards.model))}",


rule eval_f1_loci:
    input:
        model=lambda wildcards: LAYOUT.model_folder(wildcards.model),
        data=lambda wildcards: REWARDS.locus_shards(wildcards.model, wildcards.genome),
    output:
        f"{RESULTS}/eval_f1/{{model}}/{{genome}}/eval_f1.json",
    log:
        f"{LOGS}/eval_f1_loci/{{model}}/{{genome}}.log",
    benchmark:
        f"{BENCHMARKS}/eval_f1_loci/{{model}}/{{genome}}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=240,
    params:
        script=script("eval_f1.py"),
        code=code("eval_f1.py"),
        options=REWARDS.locus_options(),
    shell:
        "python {params.script:q} --model {input.model:q} --data {input.data:q} --options {params.options:q}"
        " --output {output:q} > {log:q} 2>&1"
