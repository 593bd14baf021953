#!/usr/bin/env python3
"""Draws how costs grow with sizes, as an SVG picture.

usage: draw_growth.py TABLE.tsv PICTURE.svg

The table has a header line and four columns: panel, series, size, cost. Each panel becomes a diagram with both axes
logarithmic; a thin line shows linear growth from the first point of its first series. What grows faster than the
line is worth a look. Needs nothing but Python.
"""

import csv
import math
import sys
from html import escape

WIDTH, HEIGHT, MARGIN, GAP = 380, 270, 56, 24
COLUMNS = 2
COLOURS = ["#1f5fa8", "#c4512d", "#2f7d4f", "#7a4fa3", "#8a6d1d"]


def read(path):
    """{panel: {series: [(size, cost), …]}} in the order of the table."""
    panels = {}
    with open(path, newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            points = panels.setdefault(row["panel"], {}).setdefault(row["series"], [])
            points.append((float(row["size"]), float(row["cost"])))
    return panels


def span(values):
    """Whole decades around the values; one decade at least."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


class Panel:
    """One diagram at (left, top) of the picture."""

    def __init__(self, name, series, left, top):
        self.name, self.series, self.left, self.top = name, series, left, top
        points = [point for line in series.values() for point in line if point[0] > 0 and point[1] > 0]
        self.x_span = span([x for x, _ in points])
        self.y_span = span([y for _, y in points])

    def place(self, x, y):
        """Picture coordinates of a point."""
        across = (math.log10(x) - self.x_span[0]) / (self.x_span[1] - self.x_span[0])
        up = (math.log10(y) - self.y_span[0]) / (self.y_span[1] - self.y_span[0])
        return self.left + MARGIN + across * (WIDTH - MARGIN - 12), self.top + HEIGHT - MARGIN + 14 - up * (HEIGHT - MARGIN - 16)

    def axes(self):
        """Grid lines and their labels."""
        for decade in range(self.x_span[0], self.x_span[1] + 1):
            x, bottom = self.place(10.0**decade, 10.0 ** self.y_span[0])
            _, head = self.place(10.0**decade, 10.0 ** self.y_span[1])
            yield f'<line x1="{x:.1f}" y1="{bottom:.1f}" x2="{x:.1f}" y2="{head:.1f}" class="grid"/>'
            yield f'<text x="{x:.1f}" y="{bottom + 14:.1f}" text-anchor="middle">{label(decade)}</text>'
        for decade in range(self.y_span[0], self.y_span[1] + 1):
            left, y = self.place(10.0 ** self.x_span[0], 10.0**decade)
            right, _ = self.place(10.0 ** self.x_span[1], 10.0**decade)
            yield f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}" class="grid"/>'
            yield f'<text x="{left - 5:.1f}" y="{y + 4:.1f}" text-anchor="end">{label(decade)}</text>'

    def linear(self):
        """The line of linear growth, as far as it stays inside."""
        x, y = next(iter(self.series.values()))[0]
        end_x = min(10.0 ** self.x_span[1], x * 10.0 ** self.y_span[1] / y)
        (x1, y1), (x2, y2) = self.place(x, y), self.place(end_x, y * end_x / x)
        return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="linear"/>'

    def draw(self):
        """All elements of the diagram."""
        yield f'<text x="{self.left + MARGIN}" y="{self.top + 10}" class="title">{escape(self.name)}</text>'
        yield from self.axes()
        yield self.linear()
        for i, (name, points) in enumerate(self.series.items()):
            colour = COLOURS[i % len(COLOURS)]
            places = [self.place(x, y) for x, y in points if x > 0 and y > 0]
            yield f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}" stroke="{colour}"/>'
            for x, y in places:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>'
            yield (f'<text x="{self.left + MARGIN + 8}" y="{self.top + 30 + 13 * i}" fill="{colour}">'
                   f"{escape(name)}</text>")


def label(decade):
    """1,000,000 as 1M."""
    value = 10.0**decade
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.0f}{letter}"
    return f"{value:g}"


def picture(panels):
    """The whole SVG."""
    rows = (len(panels) + COLUMNS - 1) // COLUMNS
    width, height = COLUMNS * (WIDTH + GAP), rows * (HEIGHT + GAP) + 8
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
           'font-family="sans-serif" font-size="11">')
    yield ("<style>.grid{stroke:#ddd}.linear{stroke:#999;stroke-dasharray:4 4}.title{font-weight:bold}"
           "polyline{fill:none;stroke-width:1.8}</style>")
    yield f'<rect width="{width}" height="{height}" fill="#fff"/>'
    for i, (name, series) in enumerate(panels.items()):
        yield from Panel(name, series, i % COLUMNS * (WIDTH + GAP), 14 + i // COLUMNS * (HEIGHT + GAP)).draw()
    yield "</svg>"


def main():
    """Reads the table, writes the picture."""
    if len(sys.argv) != 3:
        sys.exit(__doc__.split("\n\n")[1])
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write("\n".join(picture(read(sys.argv[1]))) + "\n")


if __name__ == "__main__":
    main()
