"""Train the model of a run with the common engine, and write its curves."""

from __future__ import annotations

from pathlib import Path

from genescribe.codon.network.model import CodonModel
from genescribe.codon.run import CodonRunConfig
from genescribe.codon.sequences.vocabulary import TOKENS
from genescribe.codon.training.task import CodonTask, perplexity
from genescribe.errors import InputError
from genescribe.files import read_table, write_table, write_text
from genescribe.train.engine import train

CURVES = ("step", "train_loss", "val_loss", "perplexity", "lr")


def train_run(config: CodonRunConfig, data: str | Path, target: str | Path, *, resume: bool = False) -> Path:
    """Train, or resume an interrupted run, and write the curves.

    Parameters
    ----------
    config
        Options of the run.
    data
        Folder that `genescribe.codon.sequences.prepare.prepare` wrote.
    target
        Folder of the run: gets `outputs.out_dir` (model, log, checkpoints) and `outputs.scores_dir` (curves).
    resume
        Refuse to start afresh.

    Returns
    -------
    Path
        The folder of the model.

    Raises
    ------
    InputError
        `resume` without a checkpoint; or see `genescribe.train.engine.train`.
    """
    target = Path(target)
    folder = target / config.outputs.out_dir
    if resume and not list((folder / "checkpoints").glob("step-*.pt")) and not (folder / "model").exists():
        raise InputError("no checkpoint to resume from", where=folder, remedy="start without --resume")
    task = CodonTask(config.options(), [data])
    size = sum(parameter.numel() for parameter in CodonModel(config.model).parameters())
    options = config.training(windows=task.samples(), tokens=task.training.tokens, parameters=size)
    model = train(task, options, folder)
    write_text(folder / config.outputs.itos_path, "".join(f"{token}\n" for token in TOKENS))
    write_table(target / config.outputs.scores_dir / config.outputs.log_csv, CURVES, curves(folder / "log.csv"))
    return model


def curves(log: str | Path) -> list[list[str]]:
    """Return the rows of an engine's log as rows of `CURVES`: val_loss is unsmoothed, perplexity is its exponent."""
    by_step: dict[str, dict[str, str]] = {}
    for row in read_table(log):
        row_of_step = by_step.setdefault(row["step"], {})
        if row["split"] == "train":
            row_of_step |= {"train_loss": row["loss"], "lr": row["lr"]}
        else:
            loss = -float(row["log_likelihood"])
            row_of_step |= {"val_loss": f"{loss:.8g}", "perplexity": f"{perplexity(loss):.8g}"}
    return [[step, *(row.get(name, "") for name in CURVES[1:])] for step, row in by_step.items()]
