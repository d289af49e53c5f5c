"""Names of the files of an annotation, apart from their writers, so that a command shows its help at once."""

STEM = "annotation"
ANNOTATION, REJECTS, SUMMARY = f"{STEM}.gff3", "rejects.jsonl", "summary.json"
REPORT = "report.html"
