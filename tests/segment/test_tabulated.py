"""Imported tables: the same scores whatever the tiles, classes of GC content, and splice sites by phase."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.augustus.toy_species import write_species

from genescribe.augustus.convert import convert
from genescribe.augustus.species import read_species
from genescribe.errors import InputError
from genescribe.genome.alphabet import SOFTMASK, N, encode
from genescribe.genome.genetic_code import GeneticCode
from genescribe.segment.config import EvidenceConfig, SegmentModelConfig, TabulatedConfig
from genescribe.segment.gene import GeneScheme
from genescribe.segment.gene_labels import CHANNELS, INTRON0, INTRON1, INTRON1_T, INTRON2, INTRON2_TA, UTR5_INTRON
from genescribe.segment.gene_scores import GeneExpansion
from genescribe.segment.model import SegmentModel

CODE = GeneticCode.from_table(1)


def random_codes(length: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    gc = np.repeat(rng.uniform(0.2, 0.7, size=length // 50 + 1), 50)[:length]
    bases = np.where(rng.random(length) < gc, rng.choice([1, 2], length), rng.choice([0, 3], length))
    bases[rng.random(length) < 0.01] = N
    return torch.from_numpy(bases | np.where(rng.random(length) < 0.3, SOFTMASK, 0))[None]


@pytest.mark.parametrize("steps", [True, False])
def test_a_window_says_of_its_inner_bases_what_the_whole_says(tmp_path: Path, steps: bool) -> None:
    evidence = convert(read_species(write_species(tmp_path, steps=steps))).evidence
    codes = random_codes(1500)
    whole = evidence(codes, torch.tensor([1500]))
    reach = evidence.reach
    for low, high in ((0, 700), (333, 1200), (800, 1500)):
        part = evidence(codes[:, low:high], torch.tensor([high - low]))
        first, last = (0 if low == 0 else low + reach), (1500 if high == 1500 else high - reach)
        for ours, theirs in zip(part[:2], whole[:2], strict=True):
            assert torch.equal(ours[:, first - low : last - low], theirs[:, first:last])
    both = evidence(torch.cat([codes, codes.flip(1)]), torch.tensor([1500, 900]))
    assert torch.equal(both.content[:1], whole.content) and not both.signals[1, 900:].any()


def test_phases_reach_their_introns() -> None:
    codes = torch.from_numpy(encode("CCCCGTCCCCCCCAGCCCC").astype(np.int64))[None]
    T = codes.shape[1]
    expansion = GeneExpansion(GeneScheme(), CODE, phased=True)
    assert expansion.signals == 10
    signals = torch.zeros(1, T, 10)
    signals[..., :4] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    signals[..., 4:] = torch.tensor([0.1, 0.2, 0.3, 0.01, 0.02, 0.03])
    content = torch.zeros(1, T, len(CHANNELS))
    lengths = torch.tensor([T])
    for find in (expansion, expansion.reference):
        _, begin, end = find(content, signals, codes, lengths)
        for labels, donor, acceptor in (
            ((INTRON0, UTR5_INTRON), 2.1, 3.01),
            ((INTRON1,), 2.2, 3.02),
            ((INTRON2,), 2.3, 3.03),
        ):
            assert begin[0, 4, list(labels)].tolist() == pytest.approx([donor] * len(labels))
            assert end[0, 14, list(labels)].tolist() == pytest.approx([acceptor] * len(labels))
        assert begin[0, 4, INTRON1_T] == -torch.inf and begin[0, 4, INTRON2_TA] == -torch.inf


def test_native_and_plain_scores_of_phases_agree() -> None:
    codes = random_codes(600, seed=3)
    expansion = GeneExpansion(GeneScheme(), CODE, phased=True)
    generator = torch.Generator().manual_seed(0)
    content = torch.randn(1, 600, len(CHANNELS), generator=generator)
    signals = torch.randn(1, 600, 10, generator=generator)
    given = (content, signals, codes, torch.tensor([600]), torch.tensor([1]))
    with torch.no_grad():
        for ours, theirs in zip(expansion(*given), expansion.reference(*given), strict=True):
            assert torch.equal(ours.float(), theirs.float())


def test_what_a_configuration_may_not_ask_for() -> None:
    with pytest.raises(InputError, match="neither network nor evidence"):
        SegmentModel(SegmentModelConfig(scheme="gene", encoder=None, genetic_code=1))
    with pytest.raises(InputError, match=r"beside model\.evidence"):
        SegmentModel(
            SegmentModelConfig(scheme="gene", tables=TabulatedConfig(), evidence=EvidenceConfig(), genetic_code=1)
        )
    with pytest.raises(InputError, match=r"set model\.scheme to gene"):
        SegmentModel(SegmentModelConfig(tables=TabulatedConfig(), genetic_code=1))
    for name in ("closed", "longest"):
        given = {"closed": ["exon"]} if name == "closed" else {"longest": {"exon": 3}}
        with pytest.raises(InputError, match="no label 'exon'"):
            SegmentModel(SegmentModelConfig(scheme="gene", genetic_code=1, **given))
