"""What a step is. See docs/adding-a-step.md for a complete one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

from generate.batches import AUTO, Batches
from generate.gpu_memory import GpuMemory
from generate.licences import Licence, licence_of
from generate.record import Record
from generate.settings import setting, transient

__all__ = ["Checkpoint", "PublishedFile", "Step", "setting", "transient"]

BATCHES = "_batches"  # where a step keeps its batch size, which has to outlive a freeing

Unit = TypeVar("Unit")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Checkpoint:
    """Weights that a step needs before any item is touched: a file or folder here, or a hub's id."""

    location: str
    revision: str | None = None


@dataclass(frozen=True)
class PublishedFile:
    """A file that no hub repository holds, with what tells whether the right one came."""

    name: str
    url: str
    sha256: str


@dataclass(kw_only=True)
class Step:
    """Reads some fields of a batch of records and fills others.

    The dataclass fields are its configuration (Hydra knows them by conf/<kind>/<option>.yaml); weights and the like are
    loaded in `setup`, where heavy imports belong too. What a record gets must not depend on its company in the batch.
    A step may be called again with a record that it has seen before: it sets its fields, and never appends to them.
    """

    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return ()

    def licences(self) -> dict[str, Licence | None]:
        """Of the weights it works with, by where they are from; None where it is not known."""
        return {checkpoint.location: licence_of(checkpoint) for checkpoint in self.checkpoints()}

    def lists(self) -> tuple[PublishedFile, ...]:
        """What has to be fetched besides: lists of names, thresholds."""
        return ()

    def setup(self, device: str) -> None:
        """Load what is needed, once per worker. `device` is 'cpu' or 'cuda'."""

    def __call__(self, records: Sequence[Record]) -> None:
        """Fill the fields of each; raise ItemError(reason, record.item.id) for one that can't be done."""
        raise NotImplementedError

    def free(self) -> None:
        """Let go of what `setup` loaded; it may be called again later."""
        for name in [name for name in vars(self) if name.startswith("_") and name != BATCHES]:
            delattr(self, name)

    def model(self) -> dict[str, Any]:
        """What made this part of a record, as the record says it under `models`."""
        return {"name": type(self).__name__}

    def map(
        self,
        call: Callable[[Sequence[Any]], Sequence[Result]],
        units: Sequence[Unit],
        key: Callable[[Unit], Hashable] | None = None,
        prepare: Callable[[Unit], Any] | None = None,
    ) -> list[Result]:
        """`call` over all units in batches of at most `batch_size`, units of one `key` together; results in order.

        With `prepare`, `call` gets what that makes of each unit (a resized picture, say): in threads, while an earlier
        batch is computed. When the GPU's memory runs out, the batch size is halved for good and the same units are
        tried again.
        """
        return self._learned().map(call, units, key, prepare)

    def size_of_batches(self) -> int:
        """As it is by now: found by the memory, halved for good when that ran out."""
        return self._learned().size

    def _learned(self) -> Batches:
        batches: Batches | None = self.__dict__.get(BATCHES)
        if batches is None:
            batches = self.__dict__[BATCHES] = self._new_batches()
        return batches

    def _new_batches(self) -> Batches:
        size = getattr(self, "batch_size", 1)
        if size != AUTO:
            return Batches(size)
        usual = next(f.default for f in fields(self) if f.name == "batch_size")
        on_gpu = str(getattr(self, "_device", "cpu")).startswith("cuda")
        return Batches(usual if isinstance(usual, int) else 1, GpuMemory() if on_gpu else None)
