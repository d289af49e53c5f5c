"""The files that the steps read beside the repository's own: at most 64 MiB, prepared without a GPU.

| file | what |
| --- | --- |
| `stretch.fa` | 1 Mb, whose genes are compared |
| `genome.fa.gz` | 20 Mb, whose annotation is timed |
| `shards/` | a simulated genome, baked for the recipe that is trained |
| `loci/` | the same as loci with sentences |
| `generate/` | a small model that writes genes, and the segment model that proposes loci to it |
| `expected/*.gff3` | genes of the stretch by each family, on the CPU |
| `*.so`, `wheels/` | the native code, and packages that the GPU's machine lacks |
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from genescribe.commands import console
from genescribe.errors import InputError
from genescribe.files import atomic_directory, atomic_path, read_json, write_json
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.kernels import native_library
from genescribe.models import model_folder
from gpu_steps.step import TOY, Sizes

REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT = 41 << 20
"""Most bytes of a packed bundle: with the repository's 23 million they are 64 MiB."""
LACKS = {name: name for name in ("duckdb", "gffutils", "pyfaidx", "argh", "argcomplete", "simplejson")}
LACKS["biopython"] = "Bio"
"""Packages that the steps import and a machine with PyTorch alone lacks, and the module of each."""
ENCODER, SIGNALS = "all_genomes", "vertebrates"
"""The largest shipped model, whose recipe is trained, and one with a signal network of 400 bases."""
RECIPE, CATALOGUE = "recipe.json", "catalogue.duckdb"
PYTHON = "312"
"""Of the GPU's machine, for wheels."""


def prepare(folder: Path, sizes: Sizes, genome: Path | None, *, wheels: bool) -> None:
    """Write the files, whole or not at all.

    Parameters
    ----------
    folder
        Made anew.
    sizes
        How much of everything.
    genome
        FASTA that stretches are taken from; None: simulated.
    wheels
        With packages for a machine that has PyTorch alone.
    """
    with atomic_directory(folder) as made:
        simulated, truth = made / "simulated.fa", made / "simulated.gff3"
        words = ["--parameters", "arabidopsis_thaliana", "--n-sequences", str(sizes.sequences)]
        words += ["--total-bases", str(sizes.genome), "--output-fasta", str(simulated), "--output-gff3", str(truth)]
        console.main(["simulate", *words])
        _stretches(made, genome or simulated, sizes)
        _bake(made, simulated, truth)
        write_json(made / RECIPE, _recipe(sizes))
        _train_writer(made, sizes)
        for model in (ENCODER, SIGNALS, str(made / "generate")):
            annotate(made / "stretch.fa", model, made / "expected" / f"{Path(model).name}.gff3", "cpu", workers=1)
        for path in native_library.libraries(Path(native_library.__file__).parent):
            shutil.copy(path, made)
        if wheels:
            words = ["download", "--quiet", "--no-deps", "--only-binary=:all:", f"--python-version={PYTHON}"]
            words += [f"--platform=manylinux_2_{n}_x86_64" for n in (17, 27, 28)] + ["--platform=manylinux2014_x86_64"]
            words += ["--constraint", str(REPOSITORY / "requirements.lock"), "--dest", str(made / "wheels")]
            _run([sys.executable, "-m", "pip", *words, *LACKS])
        beside = [path for path in (made / "expected").iterdir() if path.suffix != ".gff3"]
        for path in (simulated, truth, made / CATALOGUE, *made.glob("*.fai"), *beside):
            path.unlink()


def pack(folder: Path) -> Path:
    """Write a bundle as `.tar.gz` beside it, and return its path.

    Raises
    ------
    InputError
        It is more than `LIMIT` bytes.
    """
    archive = _archive(folder)
    with atomic_path(archive) as made, tarfile.open(made, "w:gz") as packed:
        packed.add(folder, ".")
    size = archive.stat().st_size
    if size > LIMIT:
        raise InputError(f"{size:,} bytes", where=archive, remedy=f"at most {LIMIT:,} travel: give a smaller genome")
    return archive


def unpack(folder: Path) -> bool:
    """Make a bundle of the `.tar.gz` beside it; return whether there is one."""
    if not folder.is_dir() and _archive(folder).is_file():
        with tarfile.open(_archive(folder)) as packed, atomic_directory(folder) as made:
            # Python before 3.11.4 has no filters.
            packed.extraction_filter = getattr(tarfile, "data_filter", None)
            packed.extractall(made)
    return folder.is_dir()


def _archive(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.tar.gz")


def install(bundle: Path) -> None:
    """Put the native code where the library looks for it, and make carried packages importable by what is started."""
    here = Path(native_library.__file__).parent
    for path in bundle.glob("*.so"):
        if not (here / path.name).exists():
            with atomic_path(here / path.name) as copied:
                shutil.copy(path, copied)
    lacking = [name for name, module in LACKS.items() if importlib.util.find_spec(module) is None]
    wheels = sorted(path for name in lacking for path in (bundle / "wheels").glob(f"{name}-*.whl"))
    target = bundle / "site"
    if wheels and not target.exists():
        with atomic_directory(target) as made:
            words = ["--quiet", "--no-index", "--no-deps", "--target", str(made), *map(str, wheels)]
            _run([sys.executable, "-m", "pip", "install", *words])


def environment(bundle: Path, rehearsal: bool) -> dict[str, str]:
    """Return the environment of what is started: this library, carried packages, kernels interpreted on the CPU."""
    places = [str(REPOSITORY / "lib"), str(REPOSITORY / "benchmarks"), str(bundle / "site")]
    places.append(os.environ.get("PYTHONPATH", ""))
    given = {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    return {**os.environ, **given, **({"TRITON_INTERPRET": "1"} if rehearsal else {})}


def annotate(fasta: Path, model: str, target: Path, device: str, workers: int) -> None:
    """Annotate as a user does."""
    target.parent.mkdir(parents=True, exist_ok=True)
    options = ["--device", device, "--workers", str(workers), "-o", str(target)]
    console.main(["annotate", str(fasta), "--model", model, *options])


def _run(words: Sequence[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise InputError(
            lines[-1] if lines else f"exit status {done.returncode}",
            where=" ".join(words[1:3]),
            remedy="mend that and run it again",
        )


def _stretches(made: Path, source: Path, sizes: Sizes) -> None:
    """Write the first bases of a genome."""
    genome, records, left = Genome.open(source), [], sizes.genome
    for seqid, length in genome.lengths.items():
        records.append((seqid, genome.codes(seqid, 0, min(length, left))))
        left -= len(records[-1][1])
        if not left:
            break
    write_fasta(made / "stretch.fa", [(records[0][0], records[0][1][: sizes.stretch])])
    plain = made / "genome.fa"
    write_fasta(plain, records)
    with plain.open("rb") as text, gzip.open(made / "genome.fa.gz", "wb") as packed:
        shutil.copyfileobj(text, packed)
    plain.unlink()


def _bake(made: Path, fasta: Path, truth: Path) -> None:
    """Bake some of the simulated sequences: labels in windows of the recipe, and loci with sentences."""
    catalogue = str(made / CATALOGUE)
    console.main(["catalogue", "--fasta", str(fasta), "--annotation", str(truth), "-o", catalogue])
    first, second, third, *others = Genome.open(fasta).lengths
    splits = {"train": [first, second], "validation": [third]}
    bakes = {"shards": {"scheme": "gene", "window": 20_000, "overlap": 1_000}, "loci": {"target": "sentences"}}
    for name, bake in bakes.items():
        options = json.dumps({"splits": splits, "bake": bake, "skip": others})
        words = ["--fasta", str(fasta), "--catalogue", catalogue, "--output", str(made / name), "--options", options]
        console.main(["bake", *words])


def _recipe(sizes: Sizes) -> dict[str, object]:
    """Return the recipe of the largest shipped model, without what belongs to the genomes that it was trained on."""
    model = read_json(model_folder(ENCODER) / "config.json")["model"]
    model["species"], model["validation_windows"] = None, 16
    train = {"epochs": 200.0, "batch_size": 8, "lr": 0.003, "validate_epochs": 5.0, "num_workers": 4}
    if sizes == TOY:
        train |= {"epochs": 1.0, "batch_size": 1, "num_workers": 0}
        model["encoder"] |= {"hidden_dim": 8, "conv_width": 8, "num_layers": 1}
    return {"family": "segment", "model": model, "train": train}


def _train_writer(made: Path, sizes: Sizes) -> None:
    """Train a small model that writes genes; the largest shipped model proposes loci to it."""
    encoder = {"kind": "attention", "hidden_dim": 96, "num_layers": 2, "conv_width": 48, "fold": 6}
    model = {"encoder": encoder, "decoder_layers": 2, "segment": str(model_folder(ENCODER)), "shift": 0}
    train = {"max_steps": sizes.generate_steps, "batch_size": 8, "lr": 0.003, "validate_epochs": 100.0}
    if sizes == TOY:
        train["batch_size"] = 2
    config, run = made / "writer.json", made / "writer"
    write_json(config, {"family": "generate", "model": model, "train": train})
    console.main(["train", "--data", str(made / "loci"), "--config", str(config), "--output", str(run)])
    shutil.move(run / "model", made / "generate")
    shutil.rmtree(run)
    config.unlink()
