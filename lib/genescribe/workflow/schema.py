"""Write the JSON Schema of `config.yaml`: python -m genescribe.workflow.schema rules/config.schema.yaml."""

from __future__ import annotations

import sys

import yaml

from genescribe.files import write_text
from genescribe.workflow.config import schema

HEADER = "# Generated from the library's dataclasses by `make schema`; a test compares. Do not edit.\n"


def schema_text() -> str:
    """Return the schema as YAML."""
    return HEADER + yaml.safe_dump(schema(), sort_keys=True, allow_unicode=True, width=110)


if __name__ == "__main__":
    write_text(sys.argv[1], schema_text())
