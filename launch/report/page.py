"""The two pages as HTML, and data as the script files that they read. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from labelyard.launch.report.plots import Plot
from labelyard.launch.report.shapes import svg

# Should a caption ever come to be taken for HTML, nothing in it runs: scripts and images come from files
# beside the page.
POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file: data:; "
    "media-src 'self' file:; base-uri 'none'"
)

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{base}report.css">
{scripts}
</head>
<body>
<header class="top"><div>
<h1>{name}</h1>
<span class="sums">{sums}</span>
<nav aria-label="parts of the report">{nav}</nav>
<button type="button" class="quiet" id="theme" title="light or dark" aria-label="light or dark">◐</button>
</div></header>
<main>
"""

GALLERY = """<section id="part-gallery">
<div class="tools" role="search">
<input type="search" id="text" placeholder="caption, label, tag, file" aria-label="text">
<button type="button" id="more-filters" aria-expanded="false">filters</button>
<div class="filters">
<label>label <select id="label"><option value="">any</option></select></label>
<label>instances <input type="number" id="least" min="0" placeholder="0" aria-label="at least so many instances">
to <input type="number" id="most" min="0" placeholder="∞" aria-label="at most so many instances"></label>
<label>score <input type="range" id="score" min="0" max="100" value="0"><output id="scored">any</output></label>
<span id="agreeing" hidden><label>agreement <select id="who"></select></label>
<label><input type="number" id="agrees" min="0" max="1" step="0.05" placeholder="0" aria-label="agreement, at least">
to <input type="number" id="doubts" min="0" max="1" step="0.05" placeholder="1" aria-label="agreement, at most"></label>
</span>
<label>sort <select id="order">
<option value="list">as in the list</option><option value="most">most instances</option>
<option value="fewest">fewest instances</option><option value="surest">highest score</option>
<option value="unsurest">lowest score</option><option value="largest">largest image</option>
<option value="longest">longest caption</option><option value="shuffled">shuffled</option></select></label>
</div>
<button type="button" id="layer-masks" aria-pressed="true">masks</button>
<button type="button" id="layer-boxes" aria-pressed="true">boxes</button>
<button type="button" class="clear">clear</button>
<span class="status" id="shown" role="status"></span>
</div>
<div id="grid"></div>
<p class="empty" id="none" hidden>No record fits.
<button type="button" class="quiet clear">Clear the filters</button></p>
<p class="keys"><kbd>/</kbd> search <kbd>m</kbd> masks <kbd>b</kbd> boxes <kbd>Tab</kbd> <kbd>Enter</kbd> open;
in a record <kbd>←</kbd> <kbd>→</kbd> the next, <kbd>1</kbd>–<kbd>9</kbd> an instance, <kbd>a</kbd> all of them,
<kbd>[</kbd> <kbd>]</kbd> the images beside it,
<kbd>Esc</kbd> back</p>
</section>
"""

RECORD = """<dialog id="record" aria-labelledby="title">
<div class="bar">
<button type="button" class="quiet" id="leave" aria-label="back to the gallery" title="back (Esc)">✕</button>
<h2 id="where"></h2>
<small id="place"></small>
<button type="button" class="quiet" id="before" aria-label="the record before" title="before (←)">‹</button>
<button type="button" class="quiet" id="after" aria-label="the next record" title="next (→)">›</button>
</div>
<div class="large">
<div class="view">
<div id="stage"><img id="photo" alt=""><canvas id="canvas"></canvas><svg id="overlay" aria-hidden="true"></svg>
<video id="clip" controls loop muted playsinline hidden></video></div>
<p id="trouble" role="status" hidden></p>
<div id="sides"></div>
</div>
<div class="panel">
<p id="title"></p>
<h3><span id="many">instances</span><button type="button" class="quiet" id="every">all</button>
<button type="button" class="quiet" id="nothing">none</button></h3>
<ul id="instances"></ul>
<div id="texts"></div>
<h3><span>tags</span></h3>
<div id="tags"></div>
<div id="asides"></div>
<div id="findings"></div>
<details><summary>JSON</summary><p><a id="file">the file itself</a></p><pre id="json"></pre></details>
</div>
</div>
<div id="made"></div>
</dialog>
"""

QUARANTINE = """<section>
<div id="reasons"></div>
<div class="tools" role="search">
<input type="search" id="text" placeholder="reason, step, image …" aria-label="text">
<span class="status" id="shown" role="status"></span>
</div>
<table><thead><tr><th>why</th><th>image</th><th>attempts</th></tr></thead><tbody id="rows"></tbody></table>
<p class="empty"><button type="button" class="quiet" id="more">show more</button></p>
"""


def data_file(name: str, value: Any) -> bytes:
    """A script that hands a value to the page. It is a JSON text in a string: as a piece of a script it would be read
    by other rules (`__proto__`, for one), and no character of it can end the string."""
    text = json.dumps(json.dumps(value, separators=(",", ":"))).replace("<", "\\u003c")
    return f"labelyard.put({json.dumps(name)}, {text});\n".encode("ascii")


def index(
    name: str, sums: str, base: str, quarantined: int, note: str, dataset: Sequence[Plot], run: Sequence[Plot]
) -> str:
    nav = (
        '<button type="button" data-tab="gallery" aria-current="page">Gallery</button>'
        '<button type="button" data-tab="dataset">Dataset</button>'
        '<button type="button" data-tab="run">Run</button>'
        f'<a href="quarantine.html">Quarantine ({quarantined})</a>'
    )
    shared = ("common.js", "cards.js", "masks.js", "texts.js", "asides.js", "made.js", "agreement.js")
    scripts = (*shared, "gallery.js", "viewer.js")
    return (
        _head(name, sums, base, nav, scripts)
        + GALLERY
        + _plots("dataset", dataset, f"Of {note}.")
        + _plots("run", run, "")
        + "</main>\n"
        + RECORD
        + "</body>\n</html>\n"
    )


def quarantine(name: str, sums: str, base: str, note: str) -> str:
    nav = (
        '<a href="index.html">Gallery</a><a href="index.html#dataset">Dataset</a><a href="index.html#run">Run</a>'
        '<a href="quarantine.html" aria-current="page">Quarantine</a>'
    )
    return (
        _head(name, sums, base, nav, ("common.js", "quarantined.js", "quarantine.js"))
        + QUARANTINE
        + (f"<p><small>{escape(note)}</small></p>\n" if note else "")
        + "</section>\n</main>\n</body>\n</html>\n"
    )


def _head(name: str, sums: str, base: str, nav: str, scripts: Sequence[str]) -> str:
    return HEAD.format(
        policy=POLICY,
        title=escape(f"{name} · Labelyard"),
        name=escape(name),
        sums=escape(sums),
        nav=nav,
        base=base,
        scripts="\n".join(f'<script defer src="{base}{script}"></script>' for script in scripts),
    )


def _plots(section: str, plots: Sequence[Plot], note: str) -> str:
    figures = "\n".join(
        f"<figure><h2>{escape(plot.title)}</h2><figcaption>{escape(plot.note)}"
        f'<a href="plots/{plot.name}.png" title="as a picture">PNG</a></figcaption>'
        f'<div class="scrolls">{svg(plot.drawing, plot.title)}</div></figure>'
        for plot in plots
    )
    text = f"<p><small>{escape(note)}</small></p>" if note else ""
    nothing = "" if plots else '<p class="empty">Nothing is known yet.</p>'
    return f'<section id="part-{section}" hidden>{text}<div class="plots">{figures}</div>{nothing}</section>\n'
