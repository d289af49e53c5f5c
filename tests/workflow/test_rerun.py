"""Snakemake compares every option that changes a result: a changed one runs the jobs that it concerns, no others."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.plans import Request, planned

from genescribe.predict.config import PredictConfig
from genescribe.workflow.config import EVIDENCE, AnnotateConfig
from genescribe.workflow.layout import annotation_names

DERIVING = {"input", "output", "threads", "resources"}
"""Snakemake compares no param whose function takes one of these."""
PARAMS = """
import inspect, json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import DAGSettings, OutputSettings, ResourceSettings
with SnakemakeApi(OutputSettings(dryrun=True)) as api:
    read = api.workflow(resource_settings=ResourceSettings(cores=1), snakefile=Path(sys.argv[1]), workdir=Path.cwd())
    read.dag(DAGSettings(targets={"prep_grpo"})).execute_workflow(executor="dryrun")
    found = {}
    for rule in read._workflow_store.rules:
        for name, item in rule.params._allitems():
            taken = list(inspect.signature(item).parameters) if callable(item) else []
            found[f"{rule.name}.{name}"] = taken
print(json.dumps(found))
"""


@pytest.mark.workflow
def test_no_rule_has_a_param_that_snakemake_does_not_compare(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", PARAMS, str(repository / "Snakefile")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    params: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    rules = {name.partition(".")[0] for name in params}
    assert len(rules) > 25 and {"annotate_genome", "codon_train", "train_model", "report_page"} <= rules
    assert [name for name, taken in params.items() if DERIVING & {*taken}] == []


READ = {
    "device": "cpu",
    "species": "pooled",
    "genetic_code": 12,
    "chunk": 50_000,
    "partial": True,
    "posteriors": False,
    "flank": 10,
    "isoforms": "supported",
}
"""Options of prediction that the reading of a batch asks for -> another value than usual."""
JOINED = {
    "min_posterior": 0.9,
    "min_cds": 90,
    "opposite_strands": "allow",
    "max_overlap": 0.5,
    "require_evidence": True,
}
"""Those that only joining asks for."""
SPEED = {"workers": 1}
"""Those that change no byte."""


def test_every_option_of_prediction_is_tried() -> None:
    assert {*READ, *JOINED, *SPEED} == {option.name for option in fields(PredictConfig)}
    usual = PredictConfig()
    assert all(getattr(usual, name) != value for name, value in {**READ, **JOINED, **SPEED}.items())


@pytest.mark.workflow
def test_changed_options_of_annotate(repository: Path, tmp_path: Path) -> None:
    for name in ("my.fa", "other.fa"):
        (tmp_path / name).write_text(">a\nACGT\n")
    for name in ("m", "n"):
        (tmp_path / "models" / name).mkdir(parents=True)
    usual: dict[str, Any] = {"genome": "my.fa", "model": "models/m", "annotate": {"batches": 2}}
    everything = {"annotate_batch": 2, "annotate_genome": 1, "annotate": 1}
    joining = {"annotate_genome": 1, "annotate": 1}
    of_annotate: dict[str, Any] = {"genome": "other.fa", "model": "models/n", "regions": ["a:1-3"], "batches": 3}
    of_annotate["genetic_code_of"] = {"a": 4}
    evidence: dict[str, dict[str, int]] = {name: {"annotate_evidence": 1} for name in EVIDENCE}
    evidence["reads"] |= {"annotate_index": 1, "annotate_map_short": 1}
    evidence["long_reads"] |= {"annotate_map_long": 1}
    (tmp_path / "given").write_text("")
    assert {*of_annotate, *evidence, "busco"} == {option.name for option in fields(AnnotateConfig)}
    cases = [({"annotate": {**usual["annotate"], "batches": 3}}, {**everything, "annotate_batch": 3})]
    cases += [({name: of_annotate[name]}, everything) for name in ("genome", "model", "regions")]
    codes = {"genetic_code_of": of_annotate["genetic_code_of"]}
    cases += [({"annotate": usual["annotate"] | codes}, everything)]
    cases += [({name: ["given"]}, everything | jobs) for name, jobs in evidence.items()]
    # As `--config` hands it on: texts.
    cases += [({"partial": "true"}, everything), ({"species": "pooled"}, everything), ({"regions": "a"}, everything)]
    cases += [({"min_posterior": 0.9}, joining), ({"annotate": usual["annotate"] | {"busco": "fungi_odb10"}}, joining)]
    cases += [({"predict": {name: value}}, everything) for name, value in READ.items()]
    cases += [({"predict": {name: value}}, joining) for name, value in JOINED.items()]
    cases += [({"predict": {name: value}}, {}) for name, value in SPEED.items()]
    requests = [Request(["annotate"], usual, made=True), Request(["annotate"], usual)]
    requests += [Request(["annotate"], usual | change) for change, _ in cases]
    made, again, *found = planned(repository, tmp_path, requests)
    assert made == everything and again == {}
    for (change, jobs), plan in zip(cases, found, strict=True):
        assert plan == jobs, change


@pytest.mark.workflow
def test_changed_options_of_predict(repository: Path, tmp_path: Path) -> None:
    """A benchmark of a given model: predictions of what is scored, and no older ones."""
    for name in ("m", "n"):
        (tmp_path / name).mkdir()
    target = "results/evaluate/y/g/metrics.json"

    def usual(test: str = "chr4", trained: str = "m", **predict: Any) -> dict[str, Any]:
        genome = {
            "simulate": {"parameters": "saccharomyces_cerevisiae", "bases": 120_000, "sequences": 4, "seed": 3},
            "splits": {"test": test.split()},
            "batches": 2,
        }
        config = {"genomes": {"g": genome}, "runs": {"y": {"genomes": ["g"], "trained": trained}}, "select": ["y"]}
        return {**config, "baselines": {"orf_rule": False, "ceiling": False, "augustus": False}, "predict": predict}

    joining = {"predict": 1, "score": 1}
    everything = {**joining, "predict_batch": 2}
    cases = [(usual(test="chr3 chr4"), everything), (usual(trained="n"), everything)]
    cases += [(usual(**{name: value}), everything) for name, value in READ.items()]
    cases += [(usual(**{name: value}), joining) for name, value in JOINED.items()]
    cases += [(usual(**{name: value}), {}) for name, value in SPEED.items()]
    requests = [Request([target], usual(), made=True), Request([target], usual())]
    made, again, *found = planned(repository, tmp_path, requests + [Request([target], config) for config, _ in cases])
    assert everything.items() <= made.items() and again == {}
    for (config, jobs), plan in zip(cases, found, strict=True):
        assert plan == jobs, config


def test_no_two_genomes_models_or_regions_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    genomes = ["my.fa", "my.fasta", "my.fa.gz", "my", "a/my.fa", "b/my.fa", "/my.fa", "my.v1.fa", "my_v1.fa", "é.fa"]
    models = ["models/m", "m", "other/m", "results/train/m/model", "results/train/n/model", "model", "models/m.1"]
    places = [annotation_names(genome, model) for genome in genomes for model in models]
    places += [annotation_names("my.fa", "models/m", regions) for regions in (["a"], ["b"], ["a", "b"], ["a:1-5"])]
    assert len(set(places)) == len(places)
    for (genome, model), (other, its_model) in combinations(places, 2):
        assert not (f"{genome}/{model}/").startswith(f"{other}/{its_model}/")
    assert all("/" not in name and "." not in name and name for place in places for name in place)
    same = [("my.fa", "models/m"), ("./my.fa", "models/m/"), (str(tmp_path / "my.fa"), str(tmp_path / "models" / "m"))]
    assert {annotation_names(genome, model) for genome, model in same} == {("my", "m")}
