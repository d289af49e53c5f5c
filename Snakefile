# genescribe: learn to annotate genomes, and annotate them. Targets: all (default), bake, train, finetune, prep_grpo,
# grpo, annotate, evaluate, eval_f1, baselines, benchmark. Configuration: --configfile, or the example in config.yaml;
# docs/architecture.md has the map.
from snakemake.utils import min_version

min_version("9.0")


# The example is for those who name no genomes and runs of their own: with these, Snakemake would merge it key by key.
if not {"genomes", "bakes", "runs", "inits", "codon"} & config.keys():

    configfile: f"{workflow.basedir}/config.yaml"


report: "rules/report/workflow.rst"


include: "rules/common.smk"


if CONFIG.container:

    containerized: CONFIG.container


include: "rules/input.smk"
include: "rules/catalogue.smk"
include: "rules/bake.smk"
include: "rules/train.smk"
include: "rules/finetune.smk"
include: "rules/codon.smk"
include: "rules/predict.smk"
include: "rules/baselines.smk"
include: "rules/evaluate.smk"
include: "rules/labels.smk"
include: "rules/busco.smk"
include: "rules/report.smk"
include: "rules/evidence.smk"
include: "rules/annotate.smk"


localrules:
    all,
    bake,
    train,
    finetune,
    prep_grpo,
    grpo,
    eval_f1,
    evaluate,
    baselines,
    benchmark,
    annotate,


onerror:
    print(failure_summary(log), file=sys.stderr)


rule all:
    default_target: True
    input:
        REPORT,


rule bake:
    input:
        all_baked(),


rule train:
    input:
        all_models(),


rule finetune:
    input:
        LAYOUT.models_of("finetune"),


rule prep_grpo:
    input:
        REWARDS.all_prompts(),


rule grpo:
    input:
        LAYOUT.models_of("grpo"),


rule eval_f1:
    input:
        REWARDS.locus_scores(),


rule evaluate:
    input:
        all_metrics(),
        all_completeness(),


rule baselines:
    input:
        LAYOUT.baseline_metrics(),


rule benchmark:
    input:
        REPORT,
        all_metrics(),


rule annotate:
    input:
        annotate_targets,
