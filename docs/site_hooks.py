"""What the site of the documentation has beside the pages of this folder.

The README, CONTRIBUTING and CHANGELOG become pages; files of the repository that pages link to are copied; the
reference of commands, configuration and library comes from the parsers, the configuration's schema and the docstrings.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import runpy
import sys
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
TOP = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changes.md": "CHANGELOG.md"}
SOURCE = "source"
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the files that pages link to."""
    for target, name in TOP.items():
        files.append(File.generated(config, target, content=(ROOT / name).read_text(encoding="utf-8")))
    files.append(File.generated(config, "reference/commands.md", content=commands_page()))
    files.append(File.generated(config, "reference/configuration.md", content=configuration_page()))
    library = library_pages()
    for path, content in library:
        files.append(File.generated(config, path, content=content))
    reference = next(part["Reference"] for part in config.nav or [] if "Reference" in part)
    reference.append({"Library": [path for path, _ in library]})
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / name for name in TOP.values())]
    linked = {path for page in pages for path in (_repository_path(page, link) for link in _links(page)) if path}
    for path in sorted(linked):
        files.append(File.generated(config, f"{SOURCE}/{_served(path)}", content=(ROOT / path).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Turn links into the repository into links into the site."""
    origin = ROOT / TOP.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    if not origin.is_file():
        return markdown
    targets = {name: page_name for page_name, name in TOP.items()}

    def replaced(match: re.Match[str]) -> str:
        link, anchor = match.group(1), match.group(2) or ""
        if "://" in link:
            return match.group()
        path = (origin.parent / link).resolve()
        if not path.is_relative_to(ROOT):
            return match.group()
        inside = path.relative_to(ROOT).as_posix()
        if inside in targets:
            return f"]({targets[inside]}{anchor})"
        if inside.startswith("docs/"):
            return f"]({inside.removeprefix('docs/')}{anchor})"
        return f"]({SOURCE}/{_served(_file_of(path))})"

    return LINK.sub(replaced, markdown)


def _links(page: Path) -> list[str]:
    return [match.group(1) for match in LINK.finditer(page.read_text(encoding="utf-8"))]


def _repository_path(page: Path, link: str) -> PurePosixPath | None:
    """Return the path of a linked file that is not a page, or None."""
    path = (page.parent / link).resolve()
    if "://" in link or not path.is_relative_to(ROOT):
        return None
    inside = path.relative_to(ROOT).as_posix()
    return None if inside.startswith("docs/") or inside in TOP.values() else _file_of(path)


def _file_of(path: Path) -> PurePosixPath:
    file = path / "README.md" if path.is_dir() else path
    return PurePosixPath(file.relative_to(ROOT).as_posix())


def _served(path: PurePosixPath) -> str:
    # Text that a browser shows instead of saving it; and no page, so that its own links are not followed.
    return f"{path}.txt" if path.suffix != ".html" else str(path)


def commands_page() -> str:
    """Return a page with the help of every command, and of every script that is no command."""
    sys.path.insert(0, str(ROOT / "lib"))
    from genescribe.commands import console

    parts = ["# Commands\n", f"```text\n{console.overview()}```\n"]
    for name in console.NAMES:
        parts.append(f"## genescribe {name}\n\n```text\n{console.parser_of(name).format_help()}```\n")
    parts += [
        "# Programs of the workflow\n",
        "What the other programs of `scripts/`, which rules call, say with `--help`.\n",
    ]
    for script in sorted((ROOT / "scripts").glob("*.py")):
        if "genescribe.commands" not in script.read_text(encoding="utf-8"):
            parts.append(f"## {script.stem}\n\n```text\n{help_of(script)}\n```\n")
    return "\n".join(parts)


def help_of(script: Path) -> str:
    """Return what a script prints with `--help`."""
    out, kept = io.StringIO(), sys.argv
    sys.argv = [script.name, "--help"]
    try:
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv = kept
    return out.getvalue().strip()


def configuration_page() -> str:
    """Return a page with every key of the workflow's configuration."""
    sys.path.insert(0, str(ROOT / "lib"))
    import yaml

    schema = yaml.safe_load((ROOT / "rules/config.schema.yaml").read_text(encoding="utf-8"))
    parts = ["# Configuration\n", "Every key of `config.yaml`, from `rules/config.schema.yaml`.\n"]
    for name, part in schema["properties"].items():
        parts.append(f"## {name}\n\n{part.get('description', '')}\n")
        rows = list(_rows(part, name))
        if rows:
            parts.append("| key | default | meaning |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _rows(schema: dict[str, Any], prefix: str) -> Any:
    inner = schema.get("additionalProperties")
    if isinstance(inner, dict):
        yield from _rows(inner, f"{prefix}.NAME")
    for variant in schema.get("anyOf", ()):
        yield from _rows(variant, prefix)
    for name, part in schema.get("properties", {}).items():
        key = f"{prefix}.{name}"
        default = f"`{json.dumps(part['default'])}`" if "default" in part and not part.get("properties") else ""
        if not part.get("properties"):
            meaning = str(part.get("description", "")).replace("|", "\\|")
            yield f"| `{key}` | {default} | {meaning} |"
        yield from _rows(part, key)


def library_pages() -> list[tuple[str, str]]:
    """Return a page for each package of the library, with the docstrings of its modules."""
    library = ROOT / "lib" / "genescribe"
    pages = []
    for package in sorted(path.parent for path in library.rglob("__init__.py")):
        modules = sorted(path.stem for path in package.glob("*.py") if not path.stem.startswith("_"))
        dotted = ".".join(package.relative_to(library.parent).parts)
        body = "\n".join(f"::: {dotted}.{module}\n" for module in modules)
        if modules:
            pages.append((f"reference/library/{dotted}.md", f"# {dotted}\n\n{body}"))
    return pages
