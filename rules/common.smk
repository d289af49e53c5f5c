# What the rules share: the checked configuration, the places of files, resources. No rules here.
# `in_turn`: jobs that ride in one Slurm job run one after another there; profiles/slurm allows one at a time, so that
# Snakemake asks for the cores and memory of one and for the time of all. Nowhere else does it mean anything.
import atexit
import gc
import sys
from pathlib import Path
from shlex import quote

from snakemake.exceptions import WorkflowError

# A plan is millions of objects that stay: looking for dead ones among them, also at exit, takes a third of the time.
gc.set_threshold(1_000_000)
atexit.register(gc.freeze)

# In an installed package there is no such folder, and this library is the one that runs Snakemake.
sys.path.insert(0, str(Path(workflow.basedir) / "lib"))
from genescribe.errors import InputError
from genescribe.workflow.layout import OUTSIDE_TOOLS, Layout, show_library_to_jobs
from genescribe.workflow.codon_layout import CodonLayout
from genescribe.workflow.reward_layout import RewardLayout
from genescribe.workflow.config import WorkflowConfig
from genescribe.workflow.digest import code_digest
from genescribe.workflow.failures import summary as failure_summary

try:
    CONFIG = WorkflowConfig.load(config, where="configuration")
except InputError as error:
    raise WorkflowError(str(error)) from None

show_library_to_jobs()
# What conda or a container brings counts as installed.
LAYOUT = Layout(
    CONFIG,
    OUTSIDE_TOOLS if workflow.deployment_settings.deployment_method else None,
)
REWARDS = RewardLayout(LAYOUT)
CODON = CodonLayout(CONFIG.results, CONFIG.selected_codon())
RESULTS = CONFIG.results
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
REPORT = f"{RESULTS}/report.html"


wildcard_constraints:
    genome=r"[^/.]+",
    annotation=r"[^/.]+(\.[^/.]+)?",
    bake=r"[^/]+",
    model=LAYOUT.known_models(),
    method=r"[^/]+",
    batch=r"\d+",


def script(name):
    """Return the path of a script."""
    return str(Path(workflow.basedir) / "scripts" / name)


def code(name):
    """Return a digest of a script and the modules it uses: in `params`, so that editing them reruns the rule."""
    return code_digest(Path(script(name)))


def megabytes(amount):
    """Return a resource that grows with each attempt."""
    return lambda wildcards, attempt: amount * attempt


def all_baked():
    return [*LAYOUT.all_baked(), *CODON.all_prepared()]


def all_models():
    return [*LAYOUT.all_models(), *CODON.all_models()]


def all_completeness():
    return LAYOUT.all_completeness()


def all_metrics():
    return [*LAYOUT.all_metrics(), *all_label_scores(), *CODON.all_scores()]


def all_label_scores():
    return LAYOUT.label_scores()


def given_file(name, genome):
    # As of `annotate_targets`.
    try:
        return LAYOUT.given_file(name, genome)
    except InputError as error:
        raise WorkflowError(str(error)) from None


def annotate_targets(wildcards):
    # An input function: the section is read only where this target is asked for.
    try:
        return LAYOUT.annotate_targets()
    except InputError as error:
        raise WorkflowError(str(error)) from None
