"""A claimed shard while a worker is on it: which items are still to do, and how each has ended."""

from __future__ import annotations

from labelyard.generate.file_system import patiently
from labelyard.generate.record import Item
from labelyard.generate.record_json.body import done_facts, read_record
from labelyard.generate.run_folder.journal import History, Journal, Outcome, read_history
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import write_manifest


class ShardWork:
    """Opened after the claim. What an earlier worker finished is taken over and not computed again.

    Of a shard that nobody has opened before (`untouched`) there is nothing to look for.
    """

    def __init__(self, folder: RunFolder, number: int, worker: str, max_attempts: int, untouched: bool = False) -> None:
        self.number = number
        self._folder = folder
        self._worker = worker
        self._max_attempts = max_attempts
        self.items = list(folder.items(number))
        history, self._there = History({}, {}), set[str]()
        if not untouched:
            history = read_history(folder.journals_of(number))
            folder.sweep_shard(number)
            self._there = folder.record_names(number)
        self.journal = Journal(folder.journal(number, worker))
        if history.retries:
            self.journal.write("opened", retries=history.retries)
        self.outcomes: dict[str, Outcome] = {}
        self.fresh: list[Item] = []
        self.suspects: list[tuple[Item, int]] = []  # with how often they were started and left by a vanished worker
        if untouched:
            self.fresh = list(self.items)
            return
        for item in self.items:
            self._sort(item, history)

    def _sort(self, item: Item, history: History) -> None:
        known, starts = history.outcomes.get(item.id), history.starts.get(item.id, 0)
        if known is not None and (not known.done or self._is_whole(item, known)):
            self.outcomes[item.id] = known
        elif self._is_there(item) and (adopted := self._adopt(item)) is not None:
            # The worker was killed between the rename and the journal's line.
            self.ended(adopted)
            self.journal.outcome(adopted)
        elif starts >= self._max_attempts and item.id in history.alone:
            reason = f"the worker vanished {starts} times while it worked on this item, at last on it alone"
            lost = Outcome(item.id, "quarantined", {"reason": reason, "step": "", "attempts": starts})
            self.ended(lost)
            self.journal.outcome(lost)
        elif starts:
            self.suspects.append((item, starts))
        else:
            self.fresh.append(item)

    def groups(self, batch: int) -> list[list[Item]]:
        """Suspects in ever smaller company: a quarter of a batch, then alone. They come after all the others."""
        together = [item for item, starts in self.suspects if starts == 1 and self._max_attempts > 2]
        alone = [item for item, starts in self.suspects if starts > 1 or self._max_attempts <= 2]
        size = max(1, batch // 4)
        return [together[start : start + size] for start in range(0, len(together), size)] + [[item] for item in alone]

    def ended(self, outcome: Outcome) -> None:
        self.outcomes[outcome.id] = outcome

    @property
    def complete(self) -> bool:
        return len(self.outcomes) == len(self.items)

    def finish(self) -> None:
        for item in self.items:
            # Another worker on this shard may have succeeded where this one failed. What is done is done.
            if not self.outcomes[item.id].done and (adopted := self._adopt(item)) is not None:
                self.ended(adopted)
        patiently(self._conclude, self._folder.path)
        self.journal.close()

    def _conclude(self) -> None:
        self._folder.settle_shard(self.number)
        write_manifest(self._folder, self.number, self.items, self.outcomes, self._worker)

    def _is_there(self, item: Item) -> bool:
        return bool(self._there) and self._folder.record(self.number, item).name in self._there

    def _is_whole(self, item: Item, outcome: Outcome) -> bool:
        try:
            written: int = outcome.facts["bytes"]
            return self._folder.record(self.number, item).stat().st_size == written
        except FileNotFoundError:
            return False

    def _adopt(self, item: Item) -> Outcome | None:
        path = self._folder.record(self.number, item)
        found = read_record(path, to_the_end=True)
        facts = None if found is None or found.get("id") != item.id else done_facts(path, found)
        return None if facts is None else Outcome(item.id, "done", facts)
