"""Which plots there are: of the dataset, and of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from labelyard.launch.report.charts import bars, columns, curve, dots, histogram, whole_columns
from labelyard.launch.report.dataset_counts import Facts
from labelyard.launch.report.run_history import Account
from labelyard.launch.report.shapes import SERIES, Drawing
from labelyard.launch.watching.progress import duration

TOP = 50  # labels in a list
MOST_DOTS = 2000
DOUBTED = 0.5  # of an opinion, below which an instance is in doubt


@dataclass(frozen=True)
class Plot:
    name: str  # of its PNG file
    title: str
    note: str
    drawing: Drawing


def dataset_plots(facts: Facts) -> Iterator[Plot]:
    found = sum(facts.per_image)
    if not facts.records:
        return
    counts = Counter(facts.per_image)
    most = max(counts)
    note = f"{found} instances in {facts.records} images, {found / facts.records:.2g} on average"
    if most <= 40:
        drawing = whole_columns([counts[n] for n in range(most + 1)], "instances", "images")
    else:
        drawing = columns(*histogram(facts.per_image, 40, 0, most), "instances", "images")
    yield Plot("instances_per_image", "Instances per image", note, drawing)
    if facts.labels:
        rows = facts.labels.most_common()
        shown = [(name, float(n), f"{n} ({100 * n / found:.1f} %)") for name, n in rows[:TOP]]
        note = f"{len(rows)} labels" + (f", the {TOP} most frequent" if len(rows) > TOP else "")
        yield Plot("labels", "Labels", note, bars(shown))
        once = sum(1 for _, n in rows if n == 1)
        tail = [(float(rank), float(n)) for rank, (_, n) in enumerate(rows, 1)]
        note = f"{once} of {len(rows)} labels were found only once"
        drawing = curve(tail, "rank of the label", "instances", log=True)
        yield Plot("label_tail", "The long tail of labels", note, drawing)
    if facts.scores:
        drawing = columns(*histogram(facts.scores, 40, 0, max(1.0, *facts.scores)), "score", "instances")
        yield Plot("scores", "Scores", _middle(facts.scores, "{:.2f}"), drawing)
    yield from _agreement(facts)
    if facts.mask_shares:
        shares = [100 * share for share in facts.mask_shares]
        drawing = columns(*histogram(shares, 40, 0, 100), "% of the image", "instances")
        yield Plot("mask_areas", "Mask areas", _middle(shares, "{:.1f} %"), drawing)
    yield from _captions("image_captions", "Caption length of images", facts.image_words, "images")
    yield from _captions("instance_captions", "Caption length of instances", facts.instance_words, "instances")
    sizes = Counter(facts.sizes)
    if not sizes:  # records of texts alone
        return
    shown_sizes = sizes.most_common(MOST_DOTS)
    titles = [f"{width} × {height}: {n}" for (width, height), n in shown_sizes]
    drawing = dots([size for size, _ in shown_sizes], "width in pixels", "height", titles)
    yield Plot("image_sizes", "Image sizes", f"{len(sizes)} sizes, as the images were read", drawing)


def _agreement(facts: Facts) -> Iterator[Plot]:
    """A plot for each step that asked for opinions: what is to be looked at first comes first."""
    for number, (step, by_label) in enumerate(sorted(facts.agreement.items()), start=1):
        means = sorted((sum(said) / len(said), label) for label, said in by_label.items())
        shown = []
        for mean, label in means[:TOP]:
            low = sum(1 for value in by_label[label] if value < DOUBTED)
            shown.append((label, mean, f"{mean:.2f} of {len(by_label[label])}" + (f", {low} doubted" if low else "")))
        said = [value for values in by_label.values() for value in values]
        doubted = sum(1 for value in said if value < DOUBTED)
        note = f"on average, by label; {doubted} of {len(said)} instances below {DOUBTED}"
        note += f"; the {TOP} lowest of {len(means)} labels" if len(means) > TOP else ""
        name = "agreement" if number == 1 else f"agreement_{number}"  # a step's name need not be one of a file
        yield Plot(name, f"Agreement of {step}", note, bars(shown, full=1.0))


def _captions(name: str, title: str, words: list[int], of: str) -> Iterator[Plot]:
    if any(words):
        most = max(words)
        if most <= 60:
            counts = Counter(words)
            drawing = whole_columns([counts[n] for n in range(most + 1)], "words", of)
        else:
            drawing = columns(*histogram(words, 40, 0, most), "words", of)
        yield Plot(name, title, _middle(words, "{:.0f} words"), drawing)


def _middle(values: list[float] | list[int], form: str) -> str:
    return f"median {form.format(sorted(values)[len(values) // 2])}"


def _spent(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def run_plots(account: Account) -> Iterator[Plot]:
    if account.rate:
        note = "images that ended, done or quarantined"
        drawing = curve(account.rate, "since the run began", "images/s", time=True)
        yield Plot("rate", "Images per second", note, drawing)
    if account.alive:
        drawing = curve(account.alive, "since the run began", "workers", steps=True, time=True)
        yield Plot("workers", "Workers alive", "by their own word", drawing)
    total = sum(account.spent.values())
    if total:
        parts = sorted(account.spent.items(), key=lambda part: -part[1])
        rows = [(name, spent, f"{100 * spent / total:.1f} %, {_spent(spent)}") for name, spent in parts]
        yield Plot("steps", "Where the time went", "of all workers together", bars(rows, SERIES))
    if account.reasons:
        rows = [(entry.reason, float(entry.items), str(entry.items)) for entry in account.reasons[:30]]
        yield Plot("failures", "Failures by reason", "quarantined items", bars(rows, ("bad",)))
