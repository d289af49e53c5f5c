"""Paths of results and options of rules: the configuration turned into paths and command lines.

The Snakefile asks this object and nothing else, so that its rules stay declarations and this stays testable.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from genescribe.bake.splits import EVERYTHING
from genescribe.errors import InputError
from genescribe.evaluate.tools.busco import lineage_folder
from genescribe.genome.batches import MAX_BATCHES
from genescribe.genome.inputs import resolve_path
from genescribe.models import available, model_folder, no_model
from genescribe.paths import is_compressed, stem_of
from genescribe.predict.options import FILTERS, command_line
from genescribe.shipped import INSTALLED
from genescribe.workflow.config import EVIDENCE, EVIDENCE_FILES, WorkflowConfig
from genescribe.workflow.folds import fold_name, fold_names
from genescribe.workflow.genome_config import REFERENCE, GenomeConfig
from genescribe.workflow.genome_layout import genome_name
from genescribe.workflow.train_layout import TrainLayout

RETRAINED = "augustus_retrained"
OUTSIDE_TOOLS = frozenset({"augustus", "busco"})
"""Programs whose rows are left out where they are missing."""
BASES_A_JOB = 100_000_000
IRRELEVANT = ("workers", "device", "chunk", "posteriors")
"""Options of reading that joining does not need: if one changes, the batches are read again."""


def show_library_to_jobs() -> None:
    """Put this library, and nothing else, on the PYTHONPATH of all that this process starts.

    A rule's conda environment holds the tools but not this library. An installed one lies among other packages, which
    are for another Python perhaps: jobs find it through a link in Snakemake's folder.
    """
    package = Path(__file__).resolve().parents[1]
    folder = package.parent
    if INSTALLED.is_dir():
        folder = Path(".snakemake", "library").absolute()
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f".{os.getpid()}"
        new.symlink_to(package)
        new.replace(folder / package.name)
    paths = [str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path for path in paths if path))


class Layout(TrainLayout):
    """Paths and options of one configuration: of its genomes, and of all results.

    Parameters
    ----------
    config
        Configuration of the workflow, checked.
    tools
        Command-line tools to be counted on; None: those on the PATH.
    """

    def __init__(self, config: WorkflowConfig, tools: frozenset[str] | None = None) -> None:
        super().__init__(config)
        self._tools = tools

    # -- predict and evaluate ------------------------------------------------------------------------------------
    def read_options(self, genome: str) -> str:
        """Return the options of the script that reads a batch of a genome's test regions, but the number of workers."""
        return self._predict_options(self.test_regions(genome), "workers", *FILTERS)

    def join_options(self, genome: str) -> str:
        """Return the options of the script that joins the batches of a genome's test regions."""
        return self._predict_options(self.test_regions(genome), *IRRELEVANT)

    def predict_threads(self) -> int:
        """Return the processes of a job that predicts."""
        return self.config.predict.workers

    def predict_parts(self, model: str, genome: str) -> list[str]:
        """Return the parts of a prediction."""
        count = self.config.genomes[genome].batches
        return [f"{self.config.results}/predict/{model}/{genome}/batch_{index}" for index in range(count)]

    def prediction(self, method: str, annotation: str) -> str:
        """Return the folder of a method's prediction: a model's, a baseline's, or that of all folds together."""
        genome = genome_name(annotation)
        stage = "predict" if method in self.models else "baseline"
        if method in self.pooled(genome):
            stage = "pool"
        return f"{self.config.results}/{stage}/{method}/{genome}/whole"

    def pooled(self, genome: str) -> dict[str, list[str]]:
        """Return, for each method that is trained once a fold of a genome, the folders of its predictions."""
        folds = _folds(genome, self.config.genomes[genome])
        folders: dict[str, list[str]] = {}
        if folds and self.config.baselines.augustus_retrained:
            folders[RETRAINED] = [self.prediction(RETRAINED, fold) for fold in folds]
        for model, (run, _) in self.models.items():
            if self.config.runs[run].genomes == folds[:1]:
                name, seed = run.removesuffix(fold_name("", 1)), model.removeprefix(run)
                pairs = zip(fold_names(name, len(folds)), folds, strict=True)
                folders[name + seed] = [self.prediction(part + seed, fold) for part, fold in pairs]
        return folders

    def rivals(self, method: str, annotation: str) -> dict[str, str]:
        """Return the methods that a model is paired with, and their predictions: baselines, and runs named before it.

        Of a run with several seeds it is the model of the same seed; where there is none, each.
        """
        genome = genome_name(annotation)
        rows = self.methods(genome)
        names = [name for name in rows if name in self.baselines(genome) and name != "ceiling"]
        if method in self.baselines(genome):
            return {}
        run, _, seed = method.partition("-seed")
        for rival in rows[: rows.index(method)]:
            earlier, _, its_seed = rival.partition("-seed")
            has_same_seed = f"{earlier}-seed{seed}" in rows if seed else False
            if earlier != run and (its_seed == seed or not has_same_seed):
                names.append(rival)
        return {name: self.prediction(name, annotation) for name in names}

    def evaluate_options(self, method: str, annotation: str) -> str:
        """Return the scoring script's command-line options."""
        genome = self.genome(annotation)
        words = ["--regions", self.test_regions(annotation), "--mask-ends", str(genome.mask_ends)]
        words += ["--genetic-code", str(genome.genetic_code), "--bootstrap", str(self.config.bootstrap)]
        words += ["--labelled-only"] if genome.labelled_only else []
        words += ["--groups", f"{resolve_path(genome.groups.table)}:{genome.groups.column}"] if genome.groups else []
        for name, folder in self.rivals(method, annotation).items():
            words += ["--against", f"{name}={folder}/annotation.gff3"]
        return shlex.join(words)

    def methods(self, genome: str) -> list[str]:
        """Return the rows of a genome's table: its models and the baselines that apply."""
        rows = [name for name, run in self.config.scored().items() if genome in run.genomes]
        rows += [name for name in self.pooled(genome) if name != RETRAINED]
        return [*rows, *self.baselines(genome)]

    def baselines(self, genome: str) -> list[str]:
        """Return the rows of a genome's table that are not learned here."""
        spec, baselines = self.config.genomes[genome], self.config.baselines
        rows = ["orf_rule"] if baselines.orf_rule else []
        rows += [] if self.augustus_absence(genome) else ["augustus"]
        rows += [RETRAINED] if baselines.augustus_retrained and (spec.splits.train or spec.folds) else []
        rows += spec.baselines.files
        rows += ["ceiling"] if baselines.ceiling and spec.simulate is not None else []
        return rows

    def augustus_absence(self, genome: str) -> str:
        """Return why AUGUSTUS is no row of a genome's table; empty where it is one."""
        if not self.config.baselines.augustus:
            return "the configuration turns it off (baselines: augustus: false)"
        if not self.config.genomes[genome].augustus:
            return "the configuration names none of its species for this genome (genomes: NAME: augustus:)"
        return "" if self._has("augustus") else "it is not installed, and no conda environment brings it (--sdm conda)"

    def report_options(self) -> str:
        """Return facts that the report cannot see in the results: why AUGUSTUS has no row for a genome."""
        absences = {genome: self.augustus_absence(genome) for genome in self._tested()}
        pairs = (f"{genome}={reason}" for genome, reason in absences.items() if reason)
        return shlex.join(word for pair in pairs for word in ("--without-augustus", pair))

    def all_metrics(self) -> list[str]:
        """Return every metrics file: methods x annotations of each genome with a test split."""
        return self._metrics(self.methods)

    def baseline_metrics(self) -> list[str]:
        """Return the metrics files of the methods that are not learned here."""
        return self._metrics(self.baselines)

    def species_options(self, genome: str) -> str:
        """Return AUGUSTUS's stock species of a genome, as the baseline script takes them."""
        species = self.config.genomes[genome].augustus or ""
        pairs = [species] if isinstance(species, str) else [f"{text}={name}" for text, name in species.items()]
        return shlex.join(word for pair in pairs for word in ("--species", pair))

    def augustus_options(self) -> str:
        """Return AUGUSTUS's own options, as the baseline script takes them."""
        return shlex.join(f"--option={option}" for option in self.config.baselines.augustus_options)

    def _metrics(self, methods: Callable[[str], list[str]]) -> list[str]:
        paths = []
        for name in self._tested():
            references = self.config.genomes[self._files(name)].references
            annotations = [name, *(f"{name}.{reference}" for reference in references)]
            paths += [
                f"{self.config.results}/evaluate/{method}/{annotation}/metrics.json"
                for method in methods(name)
                for annotation in annotations
            ]
        return paths

    def label_scores(self) -> list[str]:
        """Return the folders with scores of labels: of models trained here on labels without reading frames.

        Each is scored on the test strands of the genomes that it was trained on.
        """
        folders = []
        for model, run in self.config.scored().items():
            if run.family != "segment" or run.trained or self.config.bakes[run.bake].scheme != "gencode":
                continue
            tested = [genome for genome in run.genomes if self.config.genomes[genome].splits.test]
            folders += [f"{self.config.results}/labels/{model}/{genome}" for genome in tested]
        return folders

    def label_shards(self, model: str, genome: str) -> list[str]:
        """Return the shard folders on which a model's labels are scored."""
        return self.baked(self.config.runs[self.models[model][0]].bake, genome)

    def all_completeness(self) -> list[str]:
        """Return every file of BUSCO: the reference, each method, and the genome where that is asked for."""
        folder, paths = f"{self.config.results}/busco", []
        for name in self._tested() if self._has("busco") else []:
            busco = self.config.genomes[name].busco
            if busco is not None:
                paths += [
                    f"{folder}/proteins/{method}/{name}/busco.json" for method in [REFERENCE, *self.methods(name)]
                ]
                paths += [f"{folder}/genome/{name}/busco.json"] if busco.genome else []
        return paths

    def busco_annotation(self, method: str, genome: str) -> str:
        """Return the source of the proteins that BUSCO reads: a prediction's folder, or the reference's catalogue."""
        return self.catalogue(genome) if method == REFERENCE else self.prediction(method, genome)

    def busco_options(self, genome: str) -> str:
        """Return the options of the BUSCO script that a genome decides."""
        spec = self.config.genomes[genome]
        assert spec.busco is not None
        return shlex.join(["--lineage", self._lineage(spec.busco.lineage), "--genetic-code", str(spec.genetic_code)])

    @staticmethod
    def _lineage(model: str) -> str:
        path = resolve_path(model)
        # BUSCO tells a folder from a name by its slash.
        return str(path.resolve()) if path.is_dir() else model

    def _tested(self) -> list[str]:
        """Return the genomes of the selected runs that have a test split; folds of one are that one."""
        unfolded = {fold: name for name, g in self.config.genomes.items() for fold in _folds(name, g)}
        used = dict.fromkeys(genome for run in self.config.selected() for genome in run.genomes)
        names = [unfolded.get(name, name) for name in used]
        return [name for name in dict.fromkeys(names) if self.config.genomes[name].splits.test]

    def _has(self, tool: str) -> bool:
        return tool in self._tools if self._tools is not None else shutil.which(tool) is not None

    # -- annotate ------------------------------------------------------------------------------------------------
    def annotate_targets(self) -> list[str]:
        """Return the targets of `snakemake annotate`."""
        genome = self.config.annotate.genome
        if genome is None:
            raise InputError("`annotate.genome` is not set", where="configuration", remedy="add --config genome=my.fa")
        if not Path(genome).exists():
            raise InputError("no such file", where=genome, remedy="correct genome= in --config")
        if not self.annotate_model().exists():
            raise no_model(self.annotate_model())
        for name in EVIDENCE:
            self.evidence_files(name)
        if self.config.annotate.busco:
            lineage_folder(self._lineage(self.config.annotate.busco))
        return [f"{self._annotate_folder()}/whole"]

    def annotate_model(self) -> Path:
        """Return the folder of the model that annotates the user's genome."""
        return model_folder(self.config.annotate.model)

    def annotate_batches(self) -> int:
        """Return the number of jobs that share the user's genome: by default, by its size."""
        section = self.config.annotate
        if section.batches is not None:
            return section.batches
        genome = Path(str(section.genome))
        size = genome.stat().st_size if genome.is_file() else 0
        # A base takes about two bits in a compressed file.
        bases = size * 4 if is_compressed(genome) else size
        return min(max(1, -(-bases // BASES_A_JOB)), MAX_BATCHES)

    def annotate_evidence(self) -> list[str]:
        """Return the folder of the evidence on the user's genome; nothing where none is given."""
        has_evidence = any(getattr(self.config.annotate, name) for name in EVIDENCE)
        return [f"{self._annotate_folder()}/evidence"] if has_evidence else []

    def evidence_files(self, name: str) -> list[str]:
        """Return files of evidence of a kind; with `bam`, those that the user's reads are mapped to.

        Raises
        ------
        InputError
            One of them is not there.
        """
        files: list[str] = list(getattr(self.config.annotate, name))
        for file in (part for item in files for part in item.split("+")):
            if not Path(file).is_file():
                raise InputError("no such file", where=file, remedy=f"correct {name}= in --config")
        if name == "bam":
            section = self.config.annotate
            for kind, reads in (("reads", section.reads), ("long_reads", section.long_reads)):
                files += [f"{self._annotate_folder()}/mapped/{kind}_{number}.bam" for number in range(len(reads))]
        return files

    def fastq(self, kind: str, number: int) -> list[str]:
        """Return a user's file of reads, or both of pairs."""
        return self.evidence_files(kind)[number].split("+")

    def evidence_options(self) -> str:
        """Return the options that name all files of evidence."""
        words = [word for name in EVIDENCE_FILES for file in self.evidence_files(name) for word in (f"--{name}", file)]
        return shlex.join(words)

    def annotate_parts(self) -> list[str]:
        """Return the parts of the user's annotation."""
        return [f"{self._annotate_folder()}/parts/batch_{i}" for i in range(self.annotate_batches())]

    def annotate_read_options(self) -> str:
        """Return the options of the script that reads a batch of the user's genome, but the number of workers."""
        return self._annotate_options("workers", *FILTERS)

    def annotate_join_options(self) -> str:
        """Return the options of the script that joins the batches of the user's genome."""
        busco = self.config.annotate.busco
        words = ["--report", *(["--busco", self._lineage(busco)] if busco else [])]
        return f"{self._annotate_options(*IRRELEVANT)} {shlex.join(words)}"

    def _annotate_options(self, *without: str) -> str:
        section = self.config.annotate
        codes = [f"--genetic-code-of={seqid}={code}" for seqid, code in section.genetic_code_of.items()]
        evidence = [f"--evidence={folder}" for folder in self.annotate_evidence()]
        words = [*command_line(self.config.predict, without), "--regions", ",".join(section.regions) or EVERYTHING]
        return shlex.join([*words, *codes, *evidence])

    def _annotate_folder(self) -> str:
        section = self.config.annotate
        genome, model = annotation_names(str(section.genome), str(self.annotate_model()), section.regions)
        return f"{self.config.results}/annotate/{genome}/{model}"

    def _predict_options(self, regions: str, *without: str) -> str:
        return shlex.join([*command_line(self.config.predict, without), "--regions", regions])


def annotation_names(genome: str, model: str, regions: Sequence[str] = ()) -> tuple[str, str]:
    """Return the folders of a genome and, in it, of a model: no two genomes, models or choices of regions share one.

    A genome `NAME.fa` of the working folder is called `NAME`; a model `models/NAME`, or one that the program finds by
    this name, likewise. Behind the name of any other, and of a model that reads only some regions, stand digits that
    its path and the regions decide.

    Parameters
    ----------
    genome
        Path or name of the genome.
    model
        Name or folder of the model.
    regions
        Regions that are annotated; empty: the whole genome.

    Examples
    --------
    >>> annotation_names("my.fa", "models/yeast")
    ('my', 'yeast')
    >>> annotation_names("data/my.fa.gz", "models/yeast", ["II"])
    ('my-5ce8e1', 'yeast-a8ade8')
    >>> annotation_names("my.fa", "results/train/yeast/model")
    ('my', 'yeast-d3fe43')
    """
    path, folder = Path(os.path.relpath(genome)), Path(os.path.relpath(model))
    name = _word(stem_of(path))
    plain = path == Path(f"{name}.fa")
    called = _word(folder.parent.name if folder.name == "model" else folder.name)
    usual = not regions and _has_its_name(folder, called)
    return (
        name if plain else f"{name}-{_digits(path)}",
        called if usual else f"{called}-{_digits(folder, *regions)}",
    )


def _has_its_name(folder: Path, name: str) -> bool:
    """Whether a model's folder is the one that its name alone means in the working folder."""
    own, known = Path("models") / name, available().get(name)
    return folder == own or (known is not None and not own.exists() and folder.resolve() == known.resolve())


def _word(name: str) -> str:
    return re.sub(r"[^\w-]", "_", name) or "model"


def _digits(*words: object) -> str:
    return hashlib.sha256("\n".join(map(str, words)).encode()).hexdigest()[:6]


def _folds(name: str, genome: GenomeConfig) -> list[str]:
    return fold_names(name, genome.folds.number) if genome.folds else []
