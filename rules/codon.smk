# Codon language models: coding sequences, windows, training, evaluation, interpretation, classifiers.


wildcard_constraints:
    codon=r"[^/]+",
    dataset=r"[^/]+",
    out=r"[^/]+",
    scores=r"[^/]+",
    kind=r"[a-z_]+",


rule codon_extract:
    input:
        lambda wildcards: CODON.sources(wildcards.codon, wildcards.dataset),
    output:
        directory(f"{RESULTS}/codon/{{codon}}/extract/{{dataset}}"),
    log:
        f"{LOGS}/codon_extract/{{codon}}/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/codon_extract/{{codon}}/{{dataset}}.tsv"
    conda:
        "../envs/codon.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=30,
    params:
        script=script("codon_extract.py"),
        code=code("codon_extract.py"),
        options=lambda wildcards: CODON.extract_options(
            wildcards.codon, wildcards.dataset
        ),
    shell:
        "python {params.script:q} {params.options} --output {output:q} > {log:q} 2>&1"


rule codon_prepare:
    input:
        lambda wildcards: CODON.extracted(wildcards.codon),
    output:
        directory(f"{RESULTS}/codon/{{codon}}/data"),
    log:
        f"{LOGS}/codon_prepare/{{codon}}.log",
    benchmark:
        f"{BENCHMARKS}/codon_prepare/{{codon}}.tsv"
    conda:
        "../envs/codon.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=60,
    params:
        script=script("codon_prepare.py"),
        code=code("codon_prepare.py"),
        options=lambda wildcards: CODON.options(wildcards.codon, "model", "outputs"),
    shell:
        "python {params.script:q} {input:q} --options {params.options:q} --output {output:q} > {log:q} 2>&1"


# Checkpoints and the curves lie in undeclared places: a job that was killed resumes from the former.
rule codon_train:
    input:
        data=f"{RESULTS}/codon/{{codon}}/data",
        start=lambda wildcards: CODON.start(wildcards.codon),
    output:
        model=directory(f"{RESULTS}/codon/{{codon}}/{{out}}/model"),
        log=f"{RESULTS}/codon/{{codon}}/{{out}}/log.csv",
    log:
        f"{LOGS}/codon_train/{{codon}}/{{out}}.log",
    benchmark:
        f"{BENCHMARKS}/codon_train/{{codon}}/{{out}}.tsv"
    conda:
        "../envs/codon.yaml"
    threads: lambda wildcards: CODON.runs[wildcards.codon].system.threads
    resources:
        mem_mb=megabytes(4000),
        runtime=720,
        gpu=lambda wildcards: CODON.runs[wildcards.codon].system.gpus,
    params:
        script=script("codon_train.py"),
        code=code("codon_train.py"),
        folder=lambda wildcards: CODON.folder(wildcards.codon),
        launcher=lambda wildcards: CODON.launcher(wildcards.codon, script("launch.py")),
        options=lambda wildcards: CODON.options(
            wildcards.codon, "model", "train", "schedule", "system", "outputs"
        ),
    shell:
        "{params.launcher} {params.script:q} --data {input.data:q} --options {params.options:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule codon_evaluate:
    input:
        model=lambda wildcards: CODON.model(wildcards.codon),
        data=f"{RESULTS}/codon/{{codon}}/data",
    output:
        report(
            f"{RESULTS}/codon/{{codon}}/{{scores}}/metrics.json",
            category="Codon models",
            caption="report/metrics.rst",
            labels={"model": "{codon}"},
        ),
        f"{RESULTS}/codon/{{codon}}/{{scores}}/genes.tsv",
    log:
        f"{LOGS}/codon_evaluate/{{codon}}/{{scores}}.log",
    benchmark:
        f"{BENCHMARKS}/codon_evaluate/{{codon}}/{{scores}}.tsv"
    conda:
        "../envs/codon.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=120,
    params:
        script=script("codon_evaluate.py"),
        code=code("codon_evaluate.py"),
        options=lambda wildcards: CODON.evaluate_options(wildcards.codon),
        folder=lambda wildcards: CODON.scores(wildcards.codon),
    shell:
        "python {params.script:q} --model {input.model:q} --data {input.data:q} {params.options}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule codon_generate:
    input:
        model=lambda wildcards: CODON.model(wildcards.codon),
        data=f"{RESULTS}/codon/{{codon}}/data",
    output:
        samples=f"{RESULTS}/codon/{{codon}}/{{scores}}/gen_prefix/samples.csv",
        summary=f"{RESULTS}/codon/{{codon}}/{{scores}}/gen_prefix/summary.csv",
    log:
        f"{LOGS}/codon_generate/{{codon}}/{{scores}}.log",
    benchmark:
        f"{BENCHMARKS}/codon_generate/{{codon}}/{{scores}}.tsv"
    conda:
        "../envs/codon.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=120,
    params:
        script=script("codon_generate.py"),
        code=code("codon_generate.py"),
        options=lambda wildcards: CODON.generate_options(wildcards.codon),
        folder=f"{RESULTS}/codon/{{codon}}/{{scores}}/gen_prefix",
    shell:
        "python {params.script:q} --model {input.model:q} --data {input.data:q} {params.options}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule codon_interpret:
    input:
        model=lambda wildcards: CODON.model(wildcards.codon),
        data=f"{RESULTS}/codon/{{codon}}/data",
    output:
        directory(f"{RESULTS}/codon/{{codon}}/interpret"),
    log:
        f"{LOGS}/codon_interpret/{{codon}}.log",
    benchmark:
        f"{BENCHMARKS}/codon_interpret/{{codon}}.tsv"
    conda:
        "../envs/codon.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=120,
    params:
        script=script("codon_interpret.py"),
        code=code("codon_interpret.py"),
        options=lambda wildcards: CODON.interpret_options(wildcards.codon),
    shell:
        "python {params.script:q} --model {input.model:q} --data {input.data:q} {params.options}"
        " --output {output:q} > {log:q} 2>&1"


# Kinds of proteins across species: trained on genes of the training genomes, tested on the held-out ones.
rule codon_classify:
    input:
        model=lambda wildcards: CODON.classified_by(wildcards.codon, wildcards.kind),
        data=f"{RESULTS}/codon/{{codon}}/data",
    output:
        directory(f"{RESULTS}/codon/{{codon}}/classify/{{kind}}"),
    log:
        f"{LOGS}/codon_classify/{{codon}}/{{kind}}.log",
    benchmark:
        f"{BENCHMARKS}/codon_classify/{{codon}}/{{kind}}.tsv"
    conda:
        "../envs/codon.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=120,
    params:
        script=script("codon_classify.py"),
        code=code("codon_classify.py"),
        options=lambda wildcards: CODON.classify_options(
            wildcards.codon, wildcards.kind
        ),
    shell:
        "python {params.script:q} --data {input.data:q} {params.options} --output {output:q} > {log:q} 2>&1"


# A run's page, and its one log: what every job of it said, each under the name of its file.
rule codon_page:
    input:
        evaluations=lambda wildcards: CODON.evaluations(wildcards.codon),
        log=lambda wildcards: f"{CODON.folder(wildcards.codon)}/{CODON.runs[wildcards.codon].outputs.out_dir}/log.csv",
    output:
        page=report(
            f"{RESULTS}/codon/{{codon}}/report.html",
            category="Codon models",
            caption="report/page.rst",
            labels={"model": "{codon}"},
        ),
        log=f"{RESULTS}/codon/{{codon}}/log.txt",
    log:
        f"{LOGS}/codon_page/{{codon}}.log",
    benchmark:
        f"{BENCHMARKS}/codon_page/{{codon}}.tsv"
    conda:
        "../envs/codon.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=30,
    params:
        script=script("codon_page.py"),
        code=code("codon_page.py"),
        folder=lambda wildcards: CODON.folder(wildcards.codon),
        logs=lambda wildcards: CODON.logs(wildcards.codon, LOGS),
    shell:
        "python {params.script:q} {params.folder:q} --output {output.page:q} > {log:q} 2>&1"
        " && tail -n +1 {params.logs:q} > {output.log:q} 2>> {log:q}"
