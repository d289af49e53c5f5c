"""The HTML report and its figures."""

from genescribe.figures.blocks import Cell, Figure, Row, Section, Table, Text
from genescribe.figures.page import write_figures, write_report

__all__ = ["Cell", "Figure", "Row", "Section", "Table", "Text", "write_figures", "write_report"]
