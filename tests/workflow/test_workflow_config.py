"""The workflow's configuration: read strictly, written as a schema, turned into paths."""

from __future__ import annotations

import copy
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from genescribe.cli import parser
from genescribe.errors import InputError
from genescribe.models import DEFAULT, model_folder
from genescribe.predict.organelles import add_argument
from genescribe.workflow.config import WorkflowConfig, schema
from genescribe.workflow.layout import Layout, annotation_names
from genescribe.workflow.schema import schema_text

MINIMAL: dict[str, Any] = {
    "genomes": {"g": {"fasta": "g.fa", "annotation": "g.gff3", "splits": {"train": ["a"], "test": ["b"]}}},
    "runs": {"r": {"genomes": ["g"]}},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return MINIMAL with one dotted key set (removed where the value is None)."""
    data = copy.deepcopy(MINIMAL)
    place: Any = data
    *parents, last = path.split(".")
    for key in parents:
        place = place.setdefault(key, {})
    place[last] = value
    if value is None:
        del place[last]
    return data


# That of the weights of evidence lists the data of a script.
_FOLDER = Path(__file__).resolve().parents[2] / "examples"
EXAMPLES = sorted({path.stem for path in _FOLDER.glob("*.yaml")} - {"evidence_weights"})
BAD = {
    "unknown top key": ("genome_list", {}, r"unknown key `genome_list`; known keys here: annotate"),
    "unknown genome key": ("genomes.g.fast", "x", r"unknown key `genomes\.g\.fast`"),
    "unknown split": ("genomes.g.splits.tests", ["b"], r"unknown key `genomes\.g\.splits\.tests`"),
    "no annotation": ("genomes.g.annotation", None, r"needs either `simulate`, or both"),
    "both ways": ("genomes.g.simulate", {"parameters": "p"}, r"needs either `simulate`, or both"),
    "genome name": ("genomes", {"g.h": MINIMAL["genomes"]["g"]}, r"`genomes\.g\.h` has a dot|`runs\.r\.genomes`"),
    "url without checksum": ("genomes.g.fasta", {"url": "https://x/y"}, r"URL without a checksum; add sha256"),
    "url and path": ("genomes.g.fasta", {"url": "https://x/y", "path": "z"}, r"either `path` or `url`"),
    "a tool called like a run": (
        "genomes.g.baselines.files",
        {"r": "x.gff3"},
        r"has the name 'r'; give one of letters",
    ),
    "a tool called like a row": ("genomes.g.baselines.files", {"augustus": "x"}, r"has the name 'augustus'"),
    "a tool's name as a path": ("genomes.g.baselines.files", {"a/b": "x"}, r"has the name 'a/b'"),
    "sorter": ("genomes.g.sorter", "sort", r"`genomes\.g\.sorter` is 'sort' \(string\); give one of 'builtin', 'agat'"),
    "too many batches": ("genomes.g.batches", 33, r"`genomes\.g\.batches` is 33; give at least 1 and at most 32"),
    "text for a number": ("genomes.g.genetic_code", "standard", r"is 'standard' \(string\); give an integer"),
    "number for a list": ("genomes.g.skip", 3, r"`genomes\.g\.skip` is 3 \(integer\); give a list"),
    "same as nothing": ("genomes.h", {"same_as": "f"}, r"`genomes\.h\.same_as` names 'f', which is no genome"),
    "same as a copy": (
        "genomes",
        {"g": MINIMAL["genomes"]["g"], "h": {"same_as": "g"}, "i": {"same_as": "h"}},
        "no gen",
    ),
    "files and same_as": ("genomes.g.same_as", "g", r"needs either `simulate`, or both"),
    "references of a copy": (
        "genomes.h",
        {"same_as": "g", "references": {"o": {"annotation": "x"}}},
        r"`genomes\.h` has `references` and `same_as`",
    ),
    "labels of two schemes": ("runs.r.model", {"scheme": "gene"}, r"is 'gene', and that of the bake 'default' is"),
    "folds and splits": ("genomes.g.folds", {"number": 3}, r"`genomes\.g` has both `folds` and `splits`"),
    "one fold": ("genomes.g.folds", {"number": 1}, r"`genomes\.g\.folds\.number` is 1; give at least 2"),
    "test takes the rest": ("genomes.g.splits.test", ["*"], r"name the test sequences"),
    "run of no genome": ("runs.r.genomes", ["h"], r"`runs\.r\.genomes` names 'h', which is not defined; known: g"),
    "run of no bake": ("runs.r.bake", "b", r"`runs\.r\.bake` names 'b'"),
    "family": ("runs.r.family", "seg", r"`runs\.r\.family` names 'seg'.*known: .*segment"),
    "signal network that is scored": ("runs.r.family", "sites", r"signal networks have `scored: false`"),
    "family without a predictor": (
        "runs.r.family",
        "codon",
        r"`runs\.r\.family` is 'codon', whose models annotate",
    ),
    "model key": ("runs.r.model", {"heads": "linear"}, r"unknown key `runs\.r\.model\.heads`"),
    "train key": ("runs.r.train", {"epoch": 3}, r"unknown key `runs\.r\.train\.epoch`"),
    "head": ("runs.r.model", {"head": "hmm"}, r"`runs\.r\.model\.head` is 'hmm'"),
    "negative rate": ("runs.r.train", {"lr": -1}, r"`runs\.r\.train\.lr` is -1\.0; give at least 0"),
    "given and trained": ("runs.r", {"genomes": ["g"], "trained": "m", "train": {"lr": 1}}, r"`trained` beside"),
    "init of no genome": (
        "inits.i",
        {"vocabulary": 512, "genomes": ["h"]},
        r"`inits\.i\.genomes` names 'h'; name a genome",
    ),
    "hints for labels": ("genomes.g.hints", "introns.gff", r"no run reads `genomes\.g\.hints`: training"),
    "idle model option": (
        "runs.r.model",
        {"head": "linear", "max_duration": 9},
        r"max_duration` does nothing",
    ),
    "idle train option": ("runs.r.train", {"plateau_patience": 9}, r"plateau_patience` does nothing here; it needs s"),
    "init called as a run": ("inits.r", {}, r"`inits\.r` is the name of a run as well"),
    "init's model": ("inits.i", {"model": {"layers": 2}}, r"unknown key `inits\.i\.model\.layers`"),
    "seeds twice": ("runs.r.seeds", [1, 1], r"repeats a seed"),
    "selected run": ("select", ["q"], r"`select` names the run 'q'; known runs: r"),
    "wildcards in a path": ("genomes.g.fasta", "a/{b}/g.fa", r"the path 'a/\{b\}/g.fa' has braces.*; rename it, or"),
    "wildcards in the command": ("annotate", {"bam": ["x/a.bam", "x/{b}.bam"]}, r"the path 'x/\{b\}.bam' has braces"),
    "wildcards in the results": ("results", "{results", r"the path '\{results' has braces"),
    "window": ("bakes.default", {"window": 0}, r"`bakes\.default\.window` is 0; give at least 1"),
    "a list for a mapping": ("runs", [], r"`runs` is a list"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_configuration_is_one_line_with_its_remedy(name: str) -> None:
    path, value, message = BAD[name]
    with pytest.raises(InputError, match=message) as error:
        WorkflowConfig.load(changed(path, value), where="config.yaml")
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("config.yaml: ")


@pytest.mark.parametrize("name", ["config.yaml", "tests/tiny.yaml", *[f"examples/{n}.yaml" for n in EXAMPLES]])
def test_the_projects_own_configurations_are_valid(name: str, repository: Path) -> None:
    data = yaml.safe_load((repository / name).read_text())
    config = WorkflowConfig.load(data, where=name)
    assert config.models() or config.selected_codon()
    assert not list(Draft202012Validator(schema()).iter_errors(data))


def test_the_schema_in_rules_is_that_of_the_dataclasses(repository: Path) -> None:
    assert (repository / "rules" / "config.schema.yaml").read_text() == schema_text()


def test_the_schema_refuses_what_the_dataclasses_refuse() -> None:
    validator = Draft202012Validator(schema())
    assert validator.is_valid(MINIMAL)
    for name in ("unknown top key", "unknown genome key", "sorter", "too many batches", "model key", "head", "window"):
        assert not validator.is_valid(changed(*BAD[name][:2])), name


def test_how_to_annotate_may_stand_on_the_command_line() -> None:
    config = WorkflowConfig.load({**MINIMAL, "partial": "true", "min_posterior": 0.5, "species": "fly"})
    assert config.predict.partial
    assert config.predict.min_posterior == 0.5 and config.predict.species == "fly"
    layout = Layout(config)
    assert "--partial" in layout.annotate_read_options() and "--partial" in layout.annotate_join_options()
    assert "--min-posterior 0.5" in layout.annotate_join_options()
    assert "--report" in layout.annotate_join_options() and "--report" not in layout.annotate_read_options()


def test_numbers_below_the_first_level_of_the_command_line_are_texts() -> None:
    """Snakemake reads `--config 'runs={r: {threads: 3}}'` so."""
    data = changed("runs.r", {"genomes": ["g"], "threads": "3", "seeds": ["1", "2"], "model": {"tile": "4500"}})
    data["genomes"]["g"]["batches"] = "3"
    config = WorkflowConfig.load({**data, "predict": {"workers": "2", "partial": "True"}, "bootstrap": "60"})
    assert (config.runs["r"].threads, config.runs["r"].seeds, config.genomes["g"].batches) == (3, [1, 2], 3)
    assert (config.predict.workers, config.predict.partial, config.bootstrap) == (2, True, 60)
    for path, value in (("runs.r.threads", "2.5"), ("predict.workers", "0"), ("predict.partial", "yes")):
        with pytest.raises(InputError, match=path.replace(".", r"\.")):
            WorkflowConfig.load(changed(path, value))


def test_genetic_codes_of_organelles_reach_the_scripts() -> None:
    section = {"genome": "my.fa", "model": "m", "genetic_code_of": {"MT": 2, "a b": 11}}
    words = shlex.split(Layout(WorkflowConfig.load({**MINIMAL, "annotate": section})).annotate_read_options())
    parsed = parser(None)
    add_argument(parsed)
    known, _ = parsed.parse_known_args(words)
    assert known.genetic_code_of == ["MT=2", "a b=11"]


def test_shorthand_belongs_to_annotate_and_to_nothing_else() -> None:
    data = {**MINIMAL, "genome": "my.fa", "model": "models/m", "regions": "I,II:1-50"}
    config = WorkflowConfig.load(data)
    assert config.annotate.genome == "my.fa"
    assert config.annotate.regions == ["I", "II:1-50"]
    assert config.genomes.keys() == {"g"}


def test_seeds_make_models_and_select_chooses_runs() -> None:
    data = changed("runs.s", {"genomes": ["g"], "seeds": [1, 2]})
    assert list(WorkflowConfig.load(data).models()) == ["r", "s-seed1", "s-seed2"]
    assert list(WorkflowConfig.load({**data, "select": ["s"]}).models()) == ["s-seed1", "s-seed2"]


def test_a_run_that_others_begin_with_need_not_be_scored() -> None:
    parts = {"start_parts": ["encoder."], "freeze": ["encoder."]}
    data = changed("runs.s", {"genomes": ["g"], "start": "r", "train": parts})
    data["runs"]["r"]["scored"] = False
    layout = Layout(WorkflowConfig.load({**data, "select": ["s"]}), tools=frozenset())
    assert list(layout.models) == ["r", "s"]
    assert "s" in layout.methods("g") and "r" not in layout.methods("g")
    assert not any("/r/" in path for path in (*layout.all_metrics(), *layout.label_scores()))
    assert any("/s/" in path for path in layout.label_scores())
    assert json.loads(layout.train_options("s"))["train"] == {"seed": 1, "start": "results/train/r/model", **parts}


def test_the_layout_of_references_and_baselines() -> None:
    data = changed("genomes.g.references", {"other": {"annotation": "o.gtf", "sorter": "auto"}})
    data["genomes"]["g"]["augustus"] = "yeast"
    with_tool = Layout(WorkflowConfig.load(data), tools=frozenset({"augustus"}))
    assert with_tool.genome_fasta("g.other") == "results/input/g/genome.fa"
    assert with_tool.sorter("g.other") == "auto"
    assert with_tool.prediction("augustus", "g.other") == "results/baseline/augustus/g/whole"
    assert with_tool.prediction("r", "g.other") == "results/predict/r/g/whole"
    assert len(with_tool.all_metrics()) == 6
    assert with_tool.species_options("g") == "--species yeast"
    data["genomes"]["g"]["augustus"] = {"*_HUMAN": "human", "*": "fly"}
    many = Layout(WorkflowConfig.load(data), tools=frozenset())
    assert many.species_options("g") == "--species '*_HUMAN=human' --species '*=fly'"
    without = Layout(WorkflowConfig.load(data), tools=frozenset())
    assert not any("augustus" in path for path in without.all_metrics())


@pytest.mark.parametrize(
    ("species", "wanted", "installed", "reason"),
    [
        ("yeast", True, True, ""),
        ("yeast", True, False, "it is not installed"),
        (None, True, True, "names none of its species"),
        ("yeast", False, True, "turns it off"),
    ],
)
def test_why_augustus_has_no_row_is_told(species: str | None, wanted: bool, installed: bool, reason: str) -> None:
    data = changed("genomes.g.augustus", species)
    data["baselines"] = {"augustus": wanted}
    layout = Layout(WorkflowConfig.load(data), tools=frozenset({"augustus"} if installed else ()))
    assert ("augustus" in layout.baselines("g")) == (not reason)
    assert reason in layout.augustus_absence("g")
    words = shlex.split(layout.report_options())
    assert words == (["--without-augustus", f"g={layout.augustus_absence('g')}"] if reason else [])


def in_folds() -> dict[str, Any]:
    data = changed("genomes.g.splits", {})
    data["genomes"]["g"]["folds"] = {"number": 3}
    data["runs"]["r"]["seeds"] = [1, 2]
    return data


def test_folds_make_a_genome_and_models_each_and_are_scored_together() -> None:
    config = WorkflowConfig.load({**in_folds(), "select": ["r"]})
    assert list(config.genomes) == ["g", "g-fold1", "g-fold2", "g-fold3"]
    assert list(config.models()) == [f"r-fold{k}-seed{seed}" for k in (1, 2, 3) for seed in (1, 2)]
    layout = Layout(config, tools=frozenset())
    assert layout.test_regions("g") == "@results/folds/g/all.txt"
    assert json.loads(layout.bake_options("default", "g-fold2"))["splits"] == {
        split: [f"@results/folds/g/2.{split}.txt"] for split in ("train", "validation", "test")
    }
    assert layout.region_lists("g-fold2") == layout.region_lists("g") == ["results/folds/g"]
    assert layout.genome_fasta("g-fold2") == "results/input/g/genome.fa"
    assert layout.catalogue("g-fold2") == "results/catalogue/g/catalogue.duckdb"
    assert layout.prediction("r-seed2", "g") == "results/pool/r-seed2/g/whole"
    assert layout.pooled("g")["r-seed2"][2] == "results/predict/r-fold3-seed2/g-fold3/whole"
    methods = ("r-seed1", "r-seed2", "orf_rule")
    assert layout.all_metrics() == [f"results/evaluate/{method}/g/metrics.json" for method in methods]


def test_a_given_model_is_scored_and_not_trained(tmp_path: Path) -> None:
    data = changed("runs.r.trained", str(tmp_path))
    layout = Layout(WorkflowConfig.load(data), tools=frozenset())
    assert layout.all_models() == layout.all_baked() == layout.label_scores() == []
    assert layout.model_folder("r") == str(tmp_path)
    assert "results/evaluate/r/g/metrics.json" in layout.all_metrics()
    data["runs"]["r"]["trained"] = str(tmp_path / "no")
    with pytest.raises(InputError, match=r"no: no such folder; correct `runs\.r\.trained`"):
        Layout(WorkflowConfig.load(data)).model_folder("r")


def test_labels_of_gencode_models_are_scored_on_what_they_were_trained_on() -> None:
    data = changed("runs.s", {"genomes": ["g"], "seeds": [1, 2]})
    layout = Layout(WorkflowConfig.load(data), tools=frozenset())
    assert layout.label_scores() == [f"results/labels/{model}/g" for model in ("r", "s-seed1", "s-seed2")]
    assert layout.label_shards("s-seed2", "g") == layout.baked("default", "g")
    data["bakes"] = {"default": {"scheme": "gene"}}
    for run in data["runs"].values():
        run["model"] = {"scheme": "gene"}
    assert Layout(WorkflowConfig.load(data), tools=frozenset()).label_scores() == []


def test_a_model_is_paired_with_baselines_and_with_runs_before_it() -> None:
    data = changed("runs.s", {"genomes": ["g"], "seeds": [1, 2]})
    data["runs"]["t"] = {"genomes": ["g"], "seeds": [1, 2]}
    layout = Layout(WorkflowConfig.load(data), tools=frozenset())
    assert list(layout.rivals("r", "g")) == ["orf_rule"]
    assert list(layout.rivals("s-seed2", "g")) == ["orf_rule", "r"]
    assert layout.rivals("t-seed1", "g") == {
        "orf_rule": "results/baseline/orf_rule/g/whole",
        "r": "results/predict/r/g/whole",
        "s-seed1": "results/predict/s-seed1/g/whole",
    }
    assert layout.rivals("orf_rule", "g") == {}
    assert "--against orf_rule=results/baseline/orf_rule/g/whole/annotation.gff3" in layout.evaluate_options("r", "g")


def test_a_run_on_folds_has_no_other_genome() -> None:
    data = in_folds()
    data["genomes"]["h"] = {"same_as": "g", "splits": {"train": ["a"], "test": ["b"]}}
    data["runs"]["r"]["genomes"] = ["g", "h"]
    with pytest.raises(InputError, match="give the run that genome alone"):
        WorkflowConfig.load(data)
    data["runs"]["r"]["genomes"] = ["h"]
    data["genomes"]["g-fold1"] = data["genomes"]["h"]
    with pytest.raises(InputError, match=r"`genomes\.g-fold1` has the name of a fold"):
        WorkflowConfig.load(data)


def test_a_genome_the_same_as_another_shares_its_files_and_references() -> None:
    data = changed("genomes.h", {"same_as": "g", "splits": {"test": ["a"]}})
    data["genomes"]["g"]["references"] = {"o": {"annotation": "x"}}
    data["runs"]["r"]["genomes"] = ["h"]
    layout = Layout(WorkflowConfig.load(data))
    assert layout.genome_fasta("h.o") == "results/input/g/genome.fa"
    assert layout.catalogue("h") == "results/catalogue/g/catalogue.duckdb"
    assert layout.catalogue("h.o") == "results/catalogue/g.o/catalogue.duckdb"
    assert "results/evaluate/r/h.o/metrics.json" in layout.all_metrics()


@pytest.mark.parametrize(
    ("name", "size", "jobs"), [("g.fa", 12e6, 1), ("g.fa", 101e6, 2), ("g.fa.gz", 51e6, 3), ("g.fa", 90e9, 32)]
)
def test_a_genome_is_shared_out_by_its_size(name: str, size: float, jobs: int, tmp_path: Path) -> None:
    with (tmp_path / name).open("wb") as handle:
        handle.truncate(int(size))  # a sparse file
    section: dict[str, Any] = {"genome": str(tmp_path / name)}
    assert len(Layout(WorkflowConfig.load({**MINIMAL, "annotate": section})).annotate_parts()) == jobs
    section["batches"] = 5
    assert len(Layout(WorkflowConfig.load({**MINIMAL, "annotate": section})).annotate_parts()) == 5


def test_models_are_named_in_configurations_as_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.fa").write_text(">a\nACGT\n")
    for model, name in ((None, DEFAULT), ("yeast", "yeast")):
        layout = Layout(WorkflowConfig.load({**MINIMAL, "genome": "my.fa", "model": model}))
        assert layout.annotate_model() == model_folder(name)
        assert layout.annotate_targets() == [f"results/annotate/my/{name}/whole"]
    # A model of one's own that has the same name does not share its folder.
    (tmp_path / "models" / "yeast").mkdir(parents=True)
    (tmp_path / "models" / "yeast" / "config.json").write_text("{}")
    names = {annotation_names("my.fa", str(model_folder(text)))[1] for text in ("yeast", "models/yeast")}
    assert len(names) == 2 and "yeast" in names


def test_annotate_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`annotate.genome` is not set; add --config genome=my.fa"):
        Layout(WorkflowConfig.load(MINIMAL)).annotate_targets()
    data = {**MINIMAL, "genome": str(tmp_path / "no.fa"), "model": str(tmp_path)}
    with pytest.raises(InputError, match=r"no\.fa: no such file; correct genome="):
        Layout(WorkflowConfig.load(data)).annotate_targets()


def test_another_tool_is_a_row_and_a_rival_of_every_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    layout = Layout(WorkflowConfig.load(changed("genomes.g.baselines.files", {"mytool": "m.gff3"})), frozenset())
    assert layout.methods("g") == ["r", "orf_rule", "mytool"]
    assert layout.rivals("r", "g") == {name: f"results/baseline/{name}/g/whole" for name in ("orf_rule", "mytool")}
    assert layout.rivals("mytool", "g") == {}
    assert "results/evaluate/mytool/g/metrics.json" in layout.baseline_metrics()
    with pytest.raises(InputError, match=r"m\.gff3: not found here nor under"):
        layout.given_file("mytool", "g")
