"""What `look` found, in lines for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SHOWN = 10
WORDS = {"failed": "failed lives"}


def lines(found: dict[str, Any], run: Path) -> list[str]:
    text = [f"slurm        {_states(found)}"]
    text += [f"  not asked  {why}" for why in found["troubles"].values()]
    text += _nodes(found)
    for job in found["held"][:SHOWN]:
        text.append(f"  held       {job['job']} ({job['reason']}) until a person acts: scontrol release {job['job']}")
    text += _more(found["held"])
    for job in found["failed"][:SHOWN]:
        place = f" on {job['nodes']}" if job["nodes"] else ""
        why = job["reason"] or last_line(run / "logs" / f"slurm-{job['job']}_0.log") or "no word of why"
        text.append(f"  {job['state'].lower():<10} {job['job']}{place}: {why[:200]}")
    text += _more(found["failed"])
    merge = "; ".join(f"{job['job']} {job['state']}" for job in found["merge"][-3:])
    return [*text, f"  merge      {merge or 'no job'}"]


def _states(found: dict[str, Any]) -> str:
    pending = ", ".join(f"{reason} {number}" for reason, number in found["pending_because"].items())
    parts = [f"{number} {state}" for state, number in found["states"].items()]
    return (", ".join(parts) or "nothing known") + (f"   waiting for: {pending}" if pending else "")


def _nodes(found: dict[str, Any]) -> list[str]:
    bad = found["bad_nodes"]
    nodes = sorted(
        found["nodes"].items(), key=lambda entry: (entry[0] not in bad, -entry[1].get("running", 0), entry[0])
    )
    text = []
    for node, counts in nodes[:SHOWN]:
        shown = [f"{number} {WORDS.get(what, what)}" for what, number in counts.items() if what != "fruitful"]
        if shown:
            text.append(f"  {node:<10} {', '.join(shown)}")
    if len(nodes) > SHOWN:
        text.append(f"  and {len(nodes) - SHOWN} more nodes")
    if bad:
        text.append(
            f"  avoid      {','.join(bad)}: 'cluster.exclude=[{','.join(bad)}]'   (sbatch --exclude={','.join(bad)})"
        )
    return text


def _more(entries: list[Any]) -> list[str]:
    return [f"             and {len(entries) - SHOWN} more"] if len(entries) > SHOWN else []


def last_line(log: Path) -> str:
    """The last line of a log that says anything: why a setup line or python itself failed."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 4096))
            found = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return ""
    told = [line for line in found if line and not line.startswith(("srun: error:", "slurmstepd"))]
    return told[-1] if told else next((line for line in reversed(found) if line), "")
