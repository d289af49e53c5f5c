"""Another program's annotation in the comparison: in the configuration, scored by its rule, shown in the report."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.workflow.pipeline import finish

from genescribe.commands import console
from genescribe.files import read_json
from genescribe.genome.annotation.formats import AnnotationForm
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.report.collect import collect
from genescribe.simulate import load_parameters, simulate


@pytest.mark.workflow
def test_my_tool_stands_in_every_table(repository: Path, tmp_path: Path) -> None:
    # The same genome as in the configuration; "my tool" finds the first half of its genes, and writes GTF.
    sequences, genes = simulate(load_parameters("arabidopsis_thaliana"), 3, total_bases=160_000, n_sequences=4)
    lengths = {name: len(codes) for name, codes in sequences.items()}
    mine = [gene for gene in genes if gene.seqid == "chr4"][::2]
    AnnotationForm("gtf").write(tmp_path / "mine.gtf", mine, lengths)
    extra = {"genomes": {"tiny": {"baselines": {"files": {"mytool": "mine.gtf"}}}}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(extra))
    files = ["--configfile", str(repository / "tests" / "tiny.yaml"), "mine.yaml"]
    targets = [f"results/tiny/evaluate/{name}/tiny/metrics.json" for name in ("mytool", "orf_rule")]
    finish(repository, tmp_path, *targets, *files)
    found = read_json(tmp_path / targets[0])
    assert found["cds"]["gene"]["fp"] == 0 and found["cds"]["gene"]["tp"] == len(mine) > 1
    whole = tmp_path / "results/tiny/baseline/mytool/tiny/whole"
    assert len(read_genes(whole / "annotation.gff3")) == len(mine)
    assert (whole / "proteins.fa").read_text().count(">") >= len(mine)

    sections = {section.title: section for section in collect(tmp_path / "results" / "tiny")}
    blocks = sections["Accuracy: tiny"].blocks
    shown = [repr(block) for block in blocks]
    assert sum("mytool" in text for text in shown) >= 3, "tables and the figure"
    page = tmp_path / "page.html"
    console.main(["report", "--results", str(tmp_path / "results" / "tiny"), "--output", str(page)])
    assert page.read_text().count("mytool") > 3
