"""Checkpoints in the `transformers` format with the published vocabulary, decoded within the same grammar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.forms.transgenic import TransgenicModel
from genescribe.generate.network.hub import from_hub, hub_answers
from genescribe.generate.network.pretrained import need
from genescribe.generate.network.transgenic_checkpoint import TRANSGENIC, WEIGHTS, kind_of_checkpoint
from genescribe.generate.text import tokenizer
from genescribe.generate.text.digits import DigitAutomaton
from genescribe.generate.text.grammar import Grammar
from genescribe.generate.text.sentence import GeneSentence
from genescribe.generate.text.window_signals import Signals
from genescribe.genome.alphabet import decode, unmasked


def load_published(source: str, *, revision: str | None = None, trust_remote_code: bool = False) -> nn.Module:
    """Return a published checkpoint as a model that writes sentences.

    TransGenic's are run by this library, whatever code lies beside them; others by `transformers`.

    Parameters
    ----------
    source, revision, trust_remote_code
        See `PublishedModel`.

    Raises
    ------
    InputError
        It cannot be had or loaded.
    """
    folder = Path(source)
    if not folder.is_dir():
        folder = from_hub(source, ["config.json"], revision)
    if kind_of_checkpoint(folder) == TRANSGENIC:
        if not Path(source).is_dir():
            folder = from_hub(source, ["config.json", *WEIGHTS], revision)
        return TransgenicModel(folder)
    return PublishedModel(source, revision=revision, trust_remote_code=trust_remote_code)


class PublishedModel(nn.Module):
    """A sequence-to-sequence checkpoint: bases in, tokens of `genescribe.generate.text.tokenizer` out.

    The encoder and what follows it run once per locus, each locus by itself, so that no padding reaches it; the decoder
    keeps its keys and values. The window is turned to the strand of the gene.

    Parameters
    ----------
    source
        A local folder, or the name of a repository on the hub.
    revision
        Commit of the hub's repository; needed where its own code is to run.
    trust_remote_code
        Run Python code that comes with the checkpoint.
    config
        Options of grammar and windows.

    Raises
    ------
    InputError
        It cannot be loaded, its code was not asked for or is not pinned, or its vocabulary is another.
    """

    step_kinds = ("digit", "feature", "phase", "mark")

    def __init__(
        self,
        source: str,
        *,
        revision: str | None = None,
        trust_remote_code: bool = False,
        config: GenerateModelConfig | None = None,
    ) -> None:
        super().__init__()
        self.config = config or GenerateModelConfig(form="digits", genetic_code=1)
        local = Path(source).is_dir()
        if trust_remote_code and not local and revision is None:
            raise InputError(
                "code from the hub, of no fixed revision", where=source, remedy="give --revision with a commit"
            )
        transformers = need("transformers")
        options: dict[str, Any] = {
            "trust_remote_code": trust_remote_code,
            "local_files_only": local or not hub_answers(),
        }
        if revision is not None:
            options["revision"] = revision
        try:
            self.letters = transformers.AutoTokenizer.from_pretrained(source, **options)
            self.model = cast(nn.Module, transformers.AutoModelForSeq2SeqLM.from_pretrained(source, **options))
        except (OSError, ValueError, KeyError) as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(
                f"cannot be loaded ({first})",
                where=source,
                remedy="check the name; --trust_remote_code lets its own code run, --revision pins it",
            ) from None
        settings = cast(Any, self.model).config
        size = getattr(settings, "decoder_vocab_size", None) or settings.vocab_size
        if size != len(tokenizer.VOCABULARY):
            raise InputError(
                f"a vocabulary of {size} tokens, not {len(tokenizer.VOCABULARY)}", where=source, remedy="give another"
            )
        start = getattr(settings, "decoder_start_token_id", None)
        self.start = tokenizer.EOS if start is None else int(start)
        self.eval()

    @property
    def decoder(self) -> nn.Module:
        """The part that `--compile` compiles."""
        return cast(nn.Module, cast(Any, self.model).get_decoder())

    def automaton(self, signals: Signals) -> DigitAutomaton:
        """Return the constraint on the sentence of a window."""
        return DigitAutomaton(Grammar(signals, self.config.most_features))

    def prompt(self, sentence: GeneSentence) -> list[int]:
        """Return the tokens that declare the features of a sentence, to be gone on from."""
        tokens = tokenizer.encode(sentence)
        return tokens[: tokens.index(tokenizer.NUMBER[">"])]

    @torch.no_grad()
    def begin(self, codes: Tensor, lengths: Tensor) -> PublishedSession:
        """Read loci, once, and begin to write their sentences."""
        states = []
        encoder = cast(Any, self.model).get_encoder()
        for row, length in zip(codes, lengths.tolist(), strict=True):
            text = decode(unmasked(row[:length].cpu().numpy().astype("uint8")))
            ids = self.letters(text, return_tensors="pt")["input_ids"].to(codes.device)
            states.append(encoder(input_ids=ids)[0][0])
        mask = nn.utils.rnn.pad_sequence([state.new_ones(len(state)) for state in states], batch_first=True)
        return PublishedSession(self, nn.utils.rnn.pad_sequence(states, batch_first=True), mask.long())


class PublishedSession:
    """Sentences in progress of a checkpoint, one per row."""

    def __init__(self, model: PublishedModel, states: Tensor, mask: Tensor) -> None:
        self.model, self._states, self._mask = model, states, mask
        self._next = torch.full((len(mask), 1), model.start, device=mask.device)
        self._cache: Any = None

    @torch.no_grad()
    def scores(self) -> list[np.ndarray]:
        """Take a step of the decoder; return each row's scores of the next token."""
        output = self.model.model(
            encoder_outputs=(self._states,),
            attention_mask=self._mask,
            decoder_input_ids=self._next,
            past_key_values=self._cache,
            use_cache=True,
        )
        self._cache = output.past_key_values
        return list(output.logits[:, -1].float().cpu().numpy())

    def advance(self, values: Sequence[int]) -> None:
        """Write the next token of every row."""
        self._next = torch.tensor([[value] for value in values], device=self._next.device)

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, in this order; a row may occur several times."""
        index = torch.tensor(list(rows), device=self._next.device)
        self._next, self._states, self._mask = self._next[index], self._states[index], self._mask[index]
        if self._cache is not None:
            self._cache.reorder_cache(index)
