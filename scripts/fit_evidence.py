"""Learn the weights of evidence in a gene model from annotated genomes with evidence; the model does not change.

Writes support.json, which in a model's folder takes the place of the weights that come with the library. GENOMES is a
YAML file, a list of genomes: fasta, annotation, evidence (a list of files), regions, species, and where an annotation's
own rows are evidence, origin (column 2 of these rows).
"""

from __future__ import annotations

from genescribe.bake.splits import read_regions
from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.evidence.table import Collector
from genescribe.evidence.text import read_text
from genescribe.files import parse_yaml, write_json
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.inputs import resolve_path
from genescribe.paths import InputPath, OutputFile
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.support.features import RNA_SLOTS, named_weights
from genescribe.segment.support.fit import FitWindow, fit_support, fit_windows
from genescribe.segment.training.temperature import temperature_of

KEYS = {"fasta", "annotation", "evidence", "regions", "species", "origin"}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("genomes", type=InputPath(), help="YAML file")
    arguments.add_argument(
        "--model", type=InputPath(), required=True, help="folder of a segment model with the labels gene"
    )
    arguments.add_argument("--passes", type=int, default=4, help="passes over all windows")
    arguments.add_argument("--tempered", action="store_true", help="fit the model's calibrated probabilities")
    arguments.add_argument(
        "--gain", type=float, default=1.0, help="factor of the weights of RNA evidence, to be chosen on other genes"
    )
    arguments.add_argument("--seed", type=int, default=0, help="seed of the order of windows and of all random choices")
    arguments.add_argument("--output", type=OutputFile(forms=("JSON",)), required=True, help="support.json to write")
    args = arguments.parse_args()

    model = SegmentModel.load(args.model)
    temperature = temperature_of(args.model) if args.tempered else 1.0
    windows: list[FitWindow] = []
    for number, given in enumerate(parse_yaml(args.genomes, str(args.genomes))):
        if not isinstance(given, dict) or set(given) - KEYS or not KEYS - {"origin", "species"} <= set(given):
            raise InputError(
                f"genome {number + 1} needs {', '.join(sorted(KEYS))}", where=args.genomes, remedy="correct its keys"
            )
        genome = Genome.open(resolve_path(given["fasta"]))
        collector = Collector(genome.lengths)
        for path in given["evidence"]:
            read_text(resolve_path(path), collector, given.get("origin"))
        regions = read_regions(given["regions"], genome.lengths, where=str(args.genomes))
        bounds = [(r.seqid, r.start, genome.lengths[r.seqid] if r.end is None else r.end) for r in regions]
        alone = model.specialised(given.get("species", "pooled"))
        genes = read_genes(resolve_path(given["annotation"]))
        windows += fit_windows(alone, genome, genes, collector.table(), bounds, temperature)
    weights = fit_support(windows, passes=args.passes, seed=args.seed)
    weights[RNA_SLOTS] *= args.gain
    write_json(args.output, named_weights(weights))
    print(f"{args.output}: {len(named_weights(weights))} weights from {len(windows)} windows")


if __name__ == "__main__":
    run(main)
