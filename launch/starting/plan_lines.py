"""What is said of a plan: what is new, what was there before, what was left out."""

from __future__ import annotations

from collections.abc import Mapping

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.plan import Plan
from labelyard.generate.sources.common.input_folder import told as kinds_told
from labelyard.launch.merging.summary import short
from labelyard.utils.english import counted


def told(folder: RunFolder, before: Plan, planned: Plan) -> str:
    latest = planned.passes[-1]
    if planned == before:
        size = f"{counted(planned.items, 'item')} in {counted(planned.shards, 'shard')}"
        return f"{size}, as planned before, in {short(folder.path)}{left_out(latest.left_out)}"
    text = f"{counted(latest.rows, 'row')}: {counted(latest.items, 'new item')} in {counted(latest.shards, 'shard')}"
    text += told_apart(folder.read_run()["config"]["source"].get("identity", "content"))
    text += f", {counted(latest.duplicates, 'duplicate')}" if latest.duplicates else ""
    text += f", {latest.filtered} left out by source.where" if latest.filtered else ""
    if latest.refused:
        text += f", {latest.refused} refused (they are no items; {short(folder.refused)} says why)"
    if before.items:
        gone = before.items - latest.known
        text += f"; {latest.known} were planned before"
        text += f"; {gone} planned before are not among these rows, and stay in the run" if gone else ""
    return f"{text}. Run folder: {short(folder.path)}{left_out(latest.left_out)}"


def told_apart(identity: str) -> str:
    return {"content": "", "row": ", every row an item"}.get(identity, f", told apart by '{identity[4:]}'")


def left_out(kinds: Mapping[str, int]) -> str:
    return f"\nleft out of the source: {kinds_told(kinds)}" if kinds else ""
