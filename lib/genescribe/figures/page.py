"""One self-contained HTML page: it loads nothing from the network, and equal sections give equal bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from genescribe import __version__
from genescribe.figures.blocks import Browser, Facts, Figure, Particulars, Section, Table, Text
from genescribe.files import atomic_directory, write_text


def write_report(
    target: str | Path,
    sections: Iterable[Section],
    *,
    title: str = "Genome annotation benchmark",
    subtitle: str = "",
) -> None:
    """Write the page in one step.

    Parameters
    ----------
    target
        HTML file to write.
    sections
        In their order; those without blocks are left out.
    title, subtitle
        Heading, and the line below it.
    """
    page = render(sections, title=title, subtitle=subtitle)
    # Names of files need not be UTF-8; a page is.
    write_text(target, page.encode(errors="replace").decode())


def render(sections: Iterable[Section], *, title: str, subtitle: str = "") -> str:
    """Return the page's text; text of blocks is escaped, the SVG of figures is taken as it is.

    Parameters
    ----------
    sections
        Sections of the page, in order.
    title
        Title of the page.
    subtitle
        Line below the heading.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    environment.tests |= {
        "text_block": lambda block: isinstance(block, Text),
        "table_block": lambda block: isinstance(block, Table),
        "facts_block": lambda block: isinstance(block, Facts),
        "particulars_block": lambda block: isinstance(block, Particulars),
        "browser_block": lambda block: isinstance(block, Browser),
    }
    folder = files("genescribe.figures")
    template = environment.from_string((folder / "page.html").read_text(encoding="utf-8"))
    css = (folder / "page.css").read_text(encoding="utf-8")
    shown = [section for section in sections if section.blocks]
    browsers = [block for section in shown for block in section.blocks if isinstance(block, Browser)]
    # Style sheet and scripts are the project's own text; escaped, they would be neither.
    safe = environment.filters["safe"]
    return template.render(
        title=title,
        subtitle=subtitle,
        sections=shown,
        version=__version__,
        css=safe(css),
        scripts=[safe(text) for text in _scripts()] if browsers else [],
        options=[safe(_options(browser)) for browser in browsers],
    )


def _scripts() -> list[str]:
    """Return igv.js, without the address of its source map, and the code that starts it."""
    folder = files("genescribe.figures")
    library = (folder / "igv" / "igv.min.js").read_text(encoding="utf-8")
    return [library.partition("\n//# sourceMappingURL")[0], (folder / "browser.js").read_text(encoding="utf-8")]


def _options(browser: Browser) -> str:
    """Return the options of the script, as JSON that can stand in an HTML page."""
    tracks = [
        {"name": track.name, "kind": track.kind, "height": track.height, "colour": track.colour}
        for track in browser.tracks
    ]
    text = json.dumps({"tracks": tracks, "place": browser.place, "colours": list(browser.colours)})
    return text.replace("<", "\\u003c")


def write_figures(directory: str | Path, sections: Iterable[Section]) -> None:
    """Write each figure as NAME.svg and its caption as NAME.rst, for reports that put figures together themselves."""
    with atomic_directory(directory) as folder:
        for section in sections:
            for block in section.blocks:
                if isinstance(block, Figure):
                    (folder / f"{block.name}.svg").write_text(block.svg, encoding="utf-8")
                    (folder / f"{block.name}.rst").write_text(f"{block.caption}\n", encoding="utf-8")
