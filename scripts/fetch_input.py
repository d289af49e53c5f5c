"""Bring a genome or an annotation: find it or download it, verify its checksum, unpack it, check every byte."""

from __future__ import annotations

from genescribe.cli import parser, run
from genescribe.genome.inputs import DATA_VARIABLE, fetch_annotation, fetch_fasta, published_md5, resolve_path
from genescribe.paths import InputText, OutputFile


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("kind", choices=("fasta", "annotation"), help="what it is")
    arguments.add_argument(
        "--source", type=InputText(resolve_path), required=True, help=f"path, path below ${DATA_VARIABLE}, or URL"
    )
    arguments.add_argument("--sha256", help="SHA-256 of the file at the source")
    md5 = arguments.add_mutually_exclusive_group()
    md5.add_argument("--md5", help="MD5, where the source publishes only that")
    md5.add_argument("--md5sums", help="URL of the source's own list of MD5 digests")
    arguments.add_argument(
        "-o", "--output", type=OutputFile("{name}.fai"), required=True, help="plain file to write (FASTA: with .fai)"
    )
    args = arguments.parse_args()

    fetch = fetch_fasta if args.kind == "fasta" else fetch_annotation
    digest = args.md5 or (published_md5(args.md5sums, args.source) if args.md5sums else None)
    fetch(args.source, args.output, sha256=args.sha256, md5=digest)


if __name__ == "__main__":
    run(main)
