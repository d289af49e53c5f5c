"""Every rule declares what a cluster and a reader need; environments exist and are pinned; targets resolve."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

RULE = re.compile(r"^(?:(?:rule|checkpoint) (\w+)|use rule (\w+) as (\w+) with):\n((?:    .*\n|\n)+)", re.MULTILINE)
DIRECTIVE = re.compile(r"^    (\w+):(.*\n(?:        .*\n|\n)*)", re.MULTILINE)
KEY = re.compile(r"^        (\w+)=.*\n(?:        [ )\]].*\n)*", re.MULTILINE)
TARGETS = {"all", "bake", "train", "evaluate", "baselines", "benchmark", "annotate"}
TARGETS |= {"finetune", "prep_grpo", "grpo", "eval_f1"}


def rules(repository: Path) -> dict[str, str]:
    """Return name -> text of every rule; of one that is made from another, what it takes over and what it changes."""
    files = [repository / "Snakefile", *sorted((repository / "rules").glob("*.smk"))]
    texts = [match for file in files for match in RULE.findall(file.read_text())]
    found = {name: body for name, _, _, body in texts if name}
    for _, base, name, body in texts:
        if name:
            found[name] = changed(found[base], body)
    return found


def changed(base: str, changes: str) -> str:
    """Return the text of a rule with the directives of `use rule ... with`: Snakemake takes over params key by key."""
    directives, new = dict(DIRECTIVE.findall(base)), dict(DIRECTIVE.findall(changes))
    if "params" in new:
        given = {match[1] for match in KEY.finditer(new["params"])}
        new["params"] += "".join(m[0] for m in KEY.finditer(directives["params"]) if m[1] not in given)
    return "".join(f"    {name}:{body}" for name, body in (directives | new).items())


def snakemake(repository: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(repository / "Snakefile"), *arguments]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_every_working_rule_declares_its_needs(repository: Path) -> None:
    found = rules(repository)
    assert found.keys() > TARGETS
    for name in found.keys() - TARGETS:
        for directive in ("output", "log", "benchmark", "conda", "threads", "resources", "params"):
            assert f"    {directive}:" in found[name], f"rule {name} has no {directive}"
        for key in ("mem_mb=megabytes", "runtime=", "code=code("):
            assert key in found[name], f"rule {name} lacks {key}"


def test_every_environment_exists_and_is_pinned(repository: Path) -> None:
    named = set(re.findall(r'"\.\./envs/([\w.-]+)"', "".join(rules(repository).values())))
    assert named
    for name in named:
        content = yaml.safe_load((repository / "envs" / name).read_text())
        assert content["channels"][0] == "conda-forge"
        for spec in content["dependencies"]:
            assert re.fullmatch(r"[\w.-]+=[\w.]+", spec), f"envs/{name}: {spec} is not pinned"


def test_every_script_that_a_rule_calls_exists(repository: Path) -> None:
    for script in set(re.findall(r'script=script\("([\w.]+)"\)', "".join(rules(repository).values()))):
        assert (repository / "scripts" / script).is_file()


def test_the_default_profile_leaves_the_choice_of_machine_open(repository: Path) -> None:
    profile = yaml.safe_load((repository / "profiles" / "default" / "config.yaml").read_text())
    assert not profile.keys() & {"executor", "cores", "jobs", "default-resources", "partition", "slurm_partition"}


def test_what_the_default_profile_says_all_profiles_say(repository: Path) -> None:
    """It wins over what a chosen --profile says: another value there would do nothing."""
    profiles = {
        path.parent.name: yaml.safe_load(path.read_text()) for path in (repository / "profiles").glob("*/config.yaml")
    }
    usual = profiles.pop("default")
    assert set(profiles) == {"local", "slurm"}
    for name, profile in profiles.items():
        assert {key: value for key, value in profile.items() if key in usual and value != usual[key]} == {}, name
    # --workflow-profile takes its place.
    assert usual.items() <= profiles["slurm"].items()


def test_jobs_of_a_slurm_group_take_turns(repository: Path) -> None:
    """So that the group reserves the cores of one and the time of all: inside it, one runs after another."""
    profile = yaml.safe_load((repository / "profiles" / "slurm" / "config.yaml").read_text())
    assert "in_turn=1" in profile["resources"] and "in_turn=local" in profile["set-resource-scopes"]
    found = rules(repository)
    grouped = {text.partition("=")[0] for text in profile["groups"]}
    assert grouped == {name for name, body in found.items() if "        in_turn=1,\n" in body}


def test_the_slurm_profile_gives_the_plugin_no_option_that_it_does_not_read(repository: Path) -> None:
    import snakemake_executor_plugin_slurm as plugin

    profile = yaml.safe_load((repository / "profiles" / "slurm" / "config.yaml").read_text())
    text = "".join(path.read_text() for path in Path(plugin.__file__).parent.glob("*.py"))
    for name in (key.removeprefix("slurm-").replace("-", "_") for key in profile if key.startswith("slurm-")):
        assert name in plugin.ExecutorSettings.__dataclass_fields__
        assert re.search(rf"settings\.{name}\b|self\.{name}\b", text), f"{name} does nothing"


@pytest.mark.workflow
@pytest.mark.parametrize("target", ["all", "bake", "train", "evaluate", "baselines", "benchmark"])
def test_targets_resolve_from_any_folder(repository: Path, tmp_path: Path, target: str) -> None:
    done = snakemake(repository, tmp_path, target, "--dry-run", "--configfile", str(repository / "tests" / "tiny.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.workflow
def test_names_of_the_example_take_nothing_from_it(repository: Path, tmp_path: Path) -> None:
    """A configuration whose genomes, bakes and runs have the names of config.yaml's is planned as under other names."""
    example = yaml.safe_load((repository / "config.yaml").read_text())
    names = {section: sorted(example[section]) for section in ("genomes", "bakes", "runs")}
    others = {name: f"mine{number}" for number, name in enumerate(name for group in names.values() for name in group)}

    def planned(called: dict[str, str]) -> list[str]:
        genome = {"simulate": {"parameters": "arabidopsis_thaliana", "bases": 90000, "sequences": 3}}
        genome["splits"] = {"train": ["chr1"], "validation": ["chr2"], "test": ["chr3"]}
        bakes = {called[name]: {"window": 3000} for name in names["bakes"]}
        runs = {called[name]: {"genomes": [called[g] for g in names["genomes"]]} for name in names["runs"]}
        runs = {name: run | {"bake": called[names["bakes"][0]]} for name, run in runs.items()}
        data = {"genomes": {called[name]: genome for name in names["genomes"]}, "bakes": bakes, "runs": runs}
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(data))
        done = snakemake(
            repository, tmp_path, "train", "--dry-run", "--printshellcmds", "--configfile", str(tmp_path / "mine.yaml")
        )
        assert done.returncode == 0, done.stdout + done.stderr
        commands = re.findall(r"^Shell command: (.*)$", done.stdout + done.stderr, re.MULTILINE)
        back = {new: old for old, new in called.items()}
        found = re.compile("|".join(map(re.escape, sorted(back, key=len, reverse=True))))
        return sorted(found.sub(lambda match: back[match[0]], command) for command in commands)

    own = planned({name: name for name in others})
    assert len(own) > 8 and own == planned(others)


@pytest.mark.workflow
def test_annotate_reads_its_own_section_only(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "my.fa").write_text(">a\nACGT\n")
    (tmp_path / "m").mkdir()
    done = snakemake(repository, tmp_path, "annotate", "--dry-run", "--config", "genome=my.fa", "model=m")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = set(re.findall(r"^rule (\w+):", done.stdout + done.stderr, re.MULTILINE))
    assert jobs == {"annotate_batch", "annotate_genome", "annotate"}


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["annotate"], "`annotate.genome` is not set; add --config genome=my.fa"),
        (["annotate", "--config", "genome=no.fa", "model=m"], "no.fa: no such file"),
        (["results/predict/nonesuch/x/whole"], "No rule to produce results/predict/nonesuch/x/whole"),
        (["--config", "genomez=1"], "unknown key `genomez`"),
        (["--config", "bootstrap=many"], "`bootstrap` is 'many' (string); give an integer"),
    ],
)
def test_bad_requests_end_with_their_remedy(
    repository: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = snakemake(repository, tmp_path, "--dry-run", *arguments)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
