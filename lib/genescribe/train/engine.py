"""One training loop for all families: alone or under torchrun, resumable at any point to the same weights.

Everything that chance decides in a step follows from (seed, step, sample); a checkpoint holds the rest. Gradients of
the micro-batches of a step are summed and divided by the step's total weight, so that the division of a batch among
processes and micro-batches changes rounding alone.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from genescribe.config import to_mapping
from genescribe.data.cursor import Cursor
from genescribe.errors import InputError
from genescribe.files import alone_in, atomic_directory, atomic_path, read_json, write_json
from genescribe.train.checkpoint import Checkpoints, State, random_state, restore_random_state
from genescribe.train.config import NEUTRAL, TrainConfig
from genescribe.train.distributed import World, computes_in_bf16, join
from genescribe.train.log import RunLog
from genescribe.train.memory import MemoryWatch
from genescribe.train.model_files import begin_with, freeze, weights_digest
from genescribe.train.objective import Objective, add_counts
from genescribe.train.optimiser import build_optimiser
from genescribe.train.provenance import describe, digest
from genescribe.train.schedule import PLATEAU_FACTOR, learning_rate, micro_batch, reseed
from genescribe.train.sharding import distribute, full, gathered, unsharded, without_sync
from genescribe.train.task import Counts, Task

_logger = logging.getLogger("genescribe.train")


def train(task: Task, config: TrainConfig, directory: str | Path) -> Path:
    """Train a model, or go on with a run that was interrupted.

    Parameters
    ----------
    task
        The model, its data and its loss.
    config
        Options of training.
    directory
        Gets `model/` (the best weights by validation, with `provenance.json`), `log.csv` and `tensorboard/`; while
        the run lasts also `checkpoints/`. The rows of `log.csv` stand by split in `training_log.csv` and
        `eval_log.csv` too, and `memory_<process>.csv` says what memory was held when.

    Returns
    -------
    Path
        The folder of the model.

    Raises
    ------
    InputError
        The directory holds another run; no training sample; the loss is not finite.
    """
    directory = Path(directory)
    fingerprint = fingerprint_of(task, config)
    with join(config.device) as world, alone_in(directory) if world.leads else nullcontext():
        checkpoints = Checkpoints(directory / "checkpoints", fingerprint)
        if _is_trained(directory / "model", fingerprint):
            _logger.info("%s is trained already", directory / "model")
        else:
            _Run(task, config, directory, world, checkpoints).finish(fingerprint)
        if world.leads:
            checkpoints.clear()
    return directory / "model"


def fingerprint_of(task: Task, config: TrainConfig) -> dict[str, Any]:
    """Return all that the weights of a run depend on: options, data, the weights it starts from."""
    lasting = {name: value for name, value in to_mapping(config).items() if name not in NEUTRAL}
    fingerprint = {"family": task.name, "task": dict(task.fingerprint()), "train": lasting}
    if config.start is not None:
        fingerprint["start"] = weights_digest(config.start)
    return fingerprint


def _is_trained(model: Path, fingerprint: Mapping[str, Any]) -> bool:
    provenance = model / "provenance.json"
    if not provenance.exists():
        return False
    if read_json(provenance).get("fingerprint_sha256") == digest(fingerprint):
        return True
    raise InputError(
        "holds a model of other options or data", where=model, remedy="give another output folder, or remove this one"
    )


class _Run:
    """The state of one process while it trains."""

    def __init__(
        self, task: Task, config: TrainConfig, directory: Path, world: World, checkpoints: Checkpoints
    ) -> None:
        self.task, self.config, self.world = task, config, world
        self.directory, self.checkpoints = directory, checkpoints
        self.samples = task.samples()
        if self.samples < 1:
            raise InputError("no training sample", where="data", remedy="give data with a training part")
        self.total = config.max_steps or math.ceil(config.epochs * self.samples / config.batch_size)
        self.validate_every = max(1, round(config.validate_epochs * self.samples / config.batch_size))
        reseed(config.seed, "weights")
        self.parts = task.parts
        self.model = task.build()
        if config.start is not None:
            begin_with(self.model, config.start, config.start_parts)
        elif config.start_parts:
            raise InputError("given without `start`", where="train.start_parts", remedy="name the folder of a model")
        freeze(self.model, config.freeze)
        self.model = self.model.to(world.device)
        # The leader decides where to go on: the others may see an older state of a shared folder.
        step = world.first(checkpoints.newest_step())
        self.state = State(done=self.total < 1) if step is None else checkpoints.load(step)
        if self.state.step:
            self.model.load_state_dict(self.state.model)
        self.unsharded = unsharded(self.model, world, config.parallel)
        if config.compile:
            task.compile(self.model)
        self.objective = distribute(Objective(task, self.model, self.parts), world, config.parallel)
        self.optimiser = build_optimiser(config, self.model, task.no_decay, task.adamw_only)
        self._restore()
        self.memory = MemoryWatch(world.device, directory / f"memory_{world.rank}.csv")
        if config.precision == "bf16" and not computes_in_bf16(world.device):
            _logger.info("no instructions for bfloat16 here: float32")
        self.started = time.monotonic() - self.state.seconds
        self.saved = time.monotonic()

    # -- the run -------------------------------------------------------------------------------------------------
    def finish(self, fingerprint: Mapping[str, Any]) -> None:
        """Train to the end and write the model."""
        with ExitStack() as stack:
            log = None
            if self.world.leads:
                state, metrics = self.state, self.task.metrics
                log = stack.enter_context(
                    RunLog(self.directory, metrics, state.log, state.step, self.total, parts=self.parts)
                )
            stack.enter_context(self.memory)
            if not self.state.done:
                self._loop(log)
        self._write_model(fingerprint)

    def _loop(self, log: RunLog | None) -> None:
        config = self.config
        micro = micro_batch(config, self.world.size)
        cursor = Cursor(
            config.seed,
            self.state.step,
            config.batch_size,
            micro,
            self.world.rank,
            self.world.size,
            config.num_workers,
            config.buckets,
        )
        batches = self.task.batches(cursor)
        if self.task.judges_start and not self.state.step:
            self._validate(log)
            # It stands in the log to be compared with, and is not itself kept.
            self.state = replace(self.state, best_step=-1, best_value=0.0, stale=0, plateau=0, done=False)
        while not self.state.done:
            means, norm = self._step(batches, cursor.slots())
            self.state.step += 1
            running = self.state.running or [0.0] * len(means)
            self.state.running = [before + mean for before, mean in zip(running, means, strict=True)]
            self.state.done = self.state.step >= self.total
            if log is not None:
                log.advance()
                if self.state.step % config.log_every == 0 or self.state.done:
                    self._log_training(log, norm)
            if self.state.step % self.validate_every == 0 or self.state.done:
                self._validate(log)
                self._save()
            elif self._is_time_to_save():
                self._save()

    def _step(self, batches: Iterator[Any], slots: range) -> tuple[list[float], float]:
        """Take the optimiser steps of one batch; return means over the batch and the norm of the last gradient.

        The means are of the loss, a one to count the batch, and the task's parts; over the repeats too.
        """
        self.model.train()
        read: list[Any] = []
        means, norm = [0.0] * (2 + len(self.parts)), 0.0
        for repeat in range(self.task.repeats):
            sums, norm = self._descend(batches, slots, read, repeat)
            means = [mean + value / self.task.repeats for mean, value in zip(means, sums, strict=True)]
        return means, norm

    def _descend(self, batches: Iterator[Any], slots: range, read: list[Any], repeat: int) -> tuple[list[float], float]:
        """Take one optimiser step; the first of a batch reads it into `read`."""
        self.optimiser.zero_grad()
        # Apple's GPUs have no float64.
        exact = torch.float32 if self.world.device.type == "mps" else torch.float64
        sums = torch.zeros(2 + len(self.parts), dtype=exact, device=self.world.device)
        for number, slot in enumerate(slots):
            key = (self.config.seed, self.state.step, slot)
            if not repeat:
                read.append(self._read(batches, key, first=self.state.step == 0 and slot == slots[0]))
            reseed(*key, *([repeat] if repeat else []))
            with without_sync(self.objective) if slot != slots[-1] else nullcontext():
                with self._autocast():
                    total, weight, parts = self.objective(read[number])
                total.backward()
            sums += torch.cat([torch.stack([total.detach().to(exact), weight.detach().to(exact)]), parts.to(exact)])
        sums = self.world.sum(sums)
        means, scale = (sums / sums[1].clamp(min=1)).tolist(), self.world.size / float(sums[1].clamp(min=1))
        loss = means[0]
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        for parameter in parameters:
            assert parameter.grad is not None
            parameter.grad.mul_(scale)
        norm = float(full(nn.utils.clip_grad_norm_(parameters, self.config.clip or math.inf)))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self._refuse(read, loss, norm)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.config, self.state.step, self.total, self.state.lr_scale)
        self.optimiser.step()
        return [loss, 1.0, *means[2:]], norm

    def _read(self, batches: Iterator[Any], key: tuple[int, ...], *, first: bool) -> Any:
        batch = self.task.to_device(next(batches), self.world.device)
        if first:
            with gathered(self.model, self.unsharded) as model:
                for line in self.task.diagnose(model, batch) if self.world.leads else []:
                    _logger.info("%s", line)
        # Identity need not gather the weights that processes share out.
        if type(self.task).prepare is not Task.prepare:
            reseed(*key, "prepare")
            with torch.no_grad(), gathered(self.model, self.unsharded) as model, self._autocast():
                batch = self.task.prepare(model, batch)
        return batch

    def _autocast(self) -> AbstractContextManager[Any]:
        kind, wanted = self.world.device.type, self.config.precision
        if wanted == "bf16" or (wanted == "auto" and kind == "cuda"):
            return torch.autocast(kind, dtype=torch.bfloat16, enabled=computes_in_bf16(self.world.device))
        return nullcontext()

    def _refuse(self, read: list[Any], loss: float, norm: float) -> None:
        path = self.directory / "nonfinite" / f"step-{self.state.step}-process-{self.world.rank}.pt"
        with atomic_path(path) as temporary:
            torch.save({"batches": read, "model": full(self.model.state_dict())}, temporary)
        raise InputError(
            f"loss {loss} and gradient norm {norm} at step {self.state.step}; the batch and the weights are saved here",
            where=path,
            remedy=self.task.remedy,
        )

    # -- validation ----------------------------------------------------------------------------------------------
    def _validate(self, log: RunLog | None) -> None:
        started = time.monotonic()
        counts = self._count()
        if not counts:
            return
        metrics = self.task.summarise(counts)
        state, value = self.state, metrics[self.task.best]
        if not math.isfinite(value):
            raise InputError(
                f"{self.task.best} is {value} in the validation after step {state.step}",
                where=self.directory,
                remedy=self.task.remedy,
            )
        gained = state.best_step < 0 or value > state.best_value
        state.stale = 0 if gained else state.stale + 1
        state.plateau = 0 if gained else state.plateau + 1
        if self.config.scheduler == "plateau" and state.plateau >= self.config.plateau_patience:
            state.lr_scale, state.plateau = state.lr_scale * PLATEAU_FACTOR, 0
        # Of equals the later is kept: it has learned longer.
        if gained or value == state.best_value:
            state.best_step, state.best_value = state.step, value
            weights = full(self.model.state_dict())
            if self.world.leads:
                self.checkpoints.save_best(state.step, weights)
        state.done |= 0 < self.config.patience <= state.stale
        if log is not None:
            log.row(self._common("validation") | metrics | {"validation_seconds": time.monotonic() - started})

    def _count(self) -> Counts:
        """Return the sums over all validation batches of all processes; empty where there are none."""
        self.model.eval()
        reseed(self.config.seed, self.state.step, "validation")
        size = micro_batch(self.config, self.world.size)
        mine: Counts = {}
        with torch.no_grad(), gathered(self.model, self.unsharded) as model:
            for batch in self.task.validation_batches(self.world.rank, self.world.size, size, self.config.num_workers):
                with self._autocast():
                    counts = self.task.validate(model, self.task.to_device(batch, self.world.device))
                add_counts(mine, counts)
        everyone: Counts = {}
        for counts in self.world.gather(mine):
            add_counts(everyone, counts)
        return everyone

    # -- state, logs, files --------------------------------------------------------------------------------------
    def _restore(self) -> None:
        state = self.state
        if state.step:
            self.optimiser.load_state_dict(state.optimiser)
            restore_random_state(state.random)
            _logger.info("resuming at step %d of %d", state.step, self.total)

    def _is_time_to_save(self) -> bool:
        late = time.monotonic() - self.saved >= self.config.checkpoint_seconds
        if self.config.parallel == "fsdp":
            late = self.world.first(late)  # All must take part in saving: one clock decides.
        return self.state.step % self.config.checkpoint_steps == 0 or late

    def _save(self) -> None:
        self.saved = time.monotonic()
        # All processes gather a sharded model.
        model, optimiser = full(self.model.state_dict()), full(self.optimiser.state_dict())
        if not self.world.leads:
            return
        self.state.model, self.state.optimiser = model, optimiser
        self.state.random = random_state()
        self.state.seconds = time.monotonic() - self.started
        self.checkpoints.save(self.state)

    def _log_training(self, log: RunLog, norm: float) -> None:
        total, steps, *sums = self.state.running
        self.state.running = []
        parts = {name: value / steps for name, value in zip(self.parts, sums, strict=True)}
        rate = learning_rate(self.config, self.state.step - 1, self.total, self.state.lr_scale)
        log.row(self._common("train") | {"loss": total / steps, "lr": rate, "grad_norm": norm} | parts)

    def _common(self, split: str) -> dict[str, int | float | str]:
        epoch = self.state.step * self.config.batch_size / self.samples
        seconds = time.monotonic() - self.started
        return {
            "step": self.state.step,
            "epoch": epoch,
            "split": split,
            "seconds": seconds,
            "memory_mb": self.memory.megabytes(),
        }

    def _write_model(self, fingerprint: Mapping[str, Any]) -> None:
        weights = full(self.model.state_dict())
        if not self.world.leads:
            return
        if self.state.best_step >= 0:
            weights = self.checkpoints.load_best(self.state.best_step)
        model = self.task.build().eval()
        model.load_state_dict(weights)
        provenance = describe(fingerprint, self.world.device, self.world.size) | {
            "steps": self.state.step,
            "best_step": self.state.best_step,
            "best": {self.task.best: self.state.best_value} if self.state.best_step >= 0 else {},
        }
        with atomic_directory(self.directory / "model") as temporary:
            self.task.save(model, temporary)
            write_json(temporary / "provenance.json", provenance)
