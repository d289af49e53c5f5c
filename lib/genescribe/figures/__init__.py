"""Building blocks of pages and figures: text, tables, SVG, one self-contained HTML page."""
