"""A page to look at a run: pictures with masks, boxes and captions drawn on, and plots.

    python launch/view.py RUN                 writes RUN/report/index.html; open it in a browser
    python launch/view.py RUN --sample 1000   of more records than 200; they are picked at random
    python launch/view.py RUN --open          and opens it
    python launch/view.py CHAIN               all that its stages have made of each photo

The page needs no server and no network, and can be copied elsewhere with its folder. It may be made at any time, also
while workers are at it. The plots are in RUN/report/plots as PNG files too.
"""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE, FAILED
from labelyard.launch.program import parser, program
from labelyard.launch.report.subject import Subject
from labelyard.utils.errors import UserError
from labelyard.utils.text import harmless


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__)
    asking.add_argument("run", type=Path, help="the folder of a run, or of a chain")
    asking.add_argument("--sample", type=int, default=200, help="at most so many records (default: 200)")
    asking.add_argument("--seed", type=int, default=0, help="another seed picks others (default: 0)")
    asking.add_argument("--open", action="store_true", help="open the page in a browser")
    chosen = asking.parse_args(arguments)
    if chosen.sample < 1:
        raise UserError(f"--sample {chosen.sample}: give a number of records, at least 1")
    return view(Subject.open(chosen.run), chosen.sample, chosen.seed, chosen.open)


def view(subject: Subject, size: int, seed: int, opened: bool) -> int:
    from labelyard.launch.report.build import build

    report = build(subject, size, seed)
    print(f"{report.records} of {report.done} records, {report.quarantined} quarantined items: {report.index}")
    for path in report.unreadable[:5]:
        print(harmless(f"left out, not readable as a record: {path}"), file=sys.stderr)
    if len(report.unreadable) > 5:
        print(f"left out: {len(report.unreadable) - 5} more", file=sys.stderr)
    if opened and not webbrowser.open(report.index.as_uri()):
        print("view: no browser could be started; open the file yourself", file=sys.stderr)
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
