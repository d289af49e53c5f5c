"""Names of the files of an annotation; apart from what writes them, so that a command lists its options at once."""

STEM = "annotation"
ANNOTATION, REJECTS, SUMMARY = f"{STEM}.gff3", "rejects.jsonl", "summary.json"
REPORT = "report.html"
