"""Pages in a real Chromium: they fit narrow and wide windows, and the browser of an annotation shows its genes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.report.annotated import annotation
from tests.report.chromium import PROGRAM, Tab, chromium

from genescribe.figures.blocks import Cell, Facts, Particulars, Row, Section, Table, Text
from genescribe.figures.page import write_report
from genescribe.figures.style import canvas, styled, to_svg
from genescribe.report.annotation.page import write_annotation_report

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium: apt-get install chromium")
WIDTHS = [1400, 400]
VIEW = "document.querySelector('#browser .view').shadowRoot"
COLOURED = f"""[...{VIEW}.querySelectorAll('canvas')].filter(canvas => canvas.width && canvas.height).map(canvas => {{
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let blue = 0, orange = 0, green = 0;
  for (let i = 0; i < data.length; i += 4) {{
    const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
    blue += r < 20 && g > 100 && b > 160;
    orange += r > 190 && g > 70 && g < 120 && b < 30;
    green += r < 20 && g > 140 && b > 100 && b < 130;
  }}
  return [blue, orange, green];
}}).reduce((sum, row) => sum.map((value, i) => value + row[i]), [0, 0, 0])"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    assert write_annotation_report(folder / "report.html", annotation(folder, evidence=True))
    return folder / "report.html"


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page on which everything is as wide as it may be."""
    name, columns = "GCA_000001735.2_a_long_name_without_any_space" * 3, [f"column {i}" for i in range(30)]
    with styled():
        figure = to_svg(canvas(2.0), "figure", name, name)
    blocks = [
        *(Text(name, kind) for kind in ("plain", "note", "warning", "code")),
        Facts([("1,234,567,890", name, name)] * 7),
        Particulars([("a name", name)]),
        *(
            Table(name, "row", columns, [Row(name, [Cell("1,234,567")] * 30)], folded=folded)
            for folded in (True, False)
        ),
        figure,
    ]
    path = tmp_path_factory.mktemp("wide") / "page.html"
    write_report(path, [Section(name, blocks)], title=name, subtitle=name)
    return path


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["page", "wide"])
def test_nothing_is_wider_than_the_window(tab: Tab, request: pytest.FixtureRequest, name: str, width: int) -> None:
    tab.open(request.getfixturevalue(name), width)
    tab.value("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert tab.value("innerWidth") == width
    assert tab.value("document.documentElement.scrollWidth") <= width
    # What is wider than its column scrolls by itself.
    outside = """[...document.querySelectorAll('main *')].filter(element => {
      const right = element.getBoundingClientRect().right;
      return right > innerWidth + 1 && !element.closest('.wide, #browser');
    }).map(element => element.tagName)"""
    assert tab.value(outside) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_browser_shows_genes_and_evidence_without_a_network(tab: Tab, page: Path, width: int) -> None:
    tab.faults.clear()
    tab.open(page, width)
    tab.value("document.getElementById('browser').scrollIntoView()")
    tab.until("document.getElementById('browser').dataset.ready === 'yes'")
    # The most probable genes, and introns with evidence, whichever are there first.
    tab.until(f"(([blue, , green]) => blue > 0 && green > 0)({COLOURED})")
    assert tab.value("document.querySelector('#browser .state').hidden")
    assert tab.faults == []


def test_a_click_on_a_place_shows_its_gene(tab: Tab, page: Path) -> None:
    tab.faults.clear()
    tab.open(page, 1400)
    link = "[...document.querySelectorAll('#figure-least-probable ~ * a[data-place]')][0]"
    place = tab.value(f"{link}.dataset.place")
    assert place.startswith(("chr1:", "2L_1-3000:"))
    tab.value(f"{link}.click()")
    tab.until("document.getElementById('browser').dataset.ready === 'yes'")
    name, _, span = place.partition(":")
    start = f"{int(span.partition('-')[0]):,}"
    tab.until(f"[...{VIEW}.querySelectorAll('input')].some(box => box.value.includes('{start}-'))")
    tab.until(f"{COLOURED}[1] > 0")  # a gene that is hardly probable
    assert name in tab.value(f"[...{VIEW}.querySelectorAll('input, select')].map(box => box.value).join(' ')")
    assert tab.faults == []
