"""What a step is. See docs/adding-a-step.md for a complete one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from labelyard.generate.checkpoint import Checkpoint, Licence, Parts, PublishedFile
from labelyard.generate.compute.batches import AUTO, Batches
from labelyard.generate.compute.gpu_memory import GpuMemory
from labelyard.generate.record import Item, Record
from labelyard.generate.settings import setting, transient
from labelyard.generate.steps.tools.licences import licence_of
from labelyard.generate.surroundings import Surroundings

__all__ = ["Checkpoint", "Expected", "Parts", "PublishedFile", "Step", "setting", "transient"]

Unit = TypeVar("Unit")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Expected:
    """What asking about one thing will cost."""

    each: float | None  # nobody knows
    per: str = "item"  # or of what there are nobody knows how many before: instance


@dataclass(kw_only=True)
class Step:
    """Reads some fields of a batch of records and fills others.

    The dataclass fields are its configuration (Hydra knows them by conf/<kind>/<option>.yaml); weights and the like are
    loaded in `setup`, where heavy imports belong too. What a record gets must not depend on its company in the batch.
    A step may be called again with a record that it has seen before: it sets its fields, and never appends to them.
    """

    aside: bool = False  # keep what it finds apart, as aside.NAME, and the record's own fields as they are

    # No settings, and so without a type:
    name = ""  # in the pipeline, from the moment it is built for one
    device = "cpu"  # or cuda, as setup was told
    batching = cast("Batches | None", None)  # how many units at once; what they learned outlives a freeing
    around = Surroundings()  # as its worker knows them

    if TYPE_CHECKING:  # what a step says of itself: its class, by a tuple, or each instance, by a property

        @property
        def reads(self) -> tuple[str, ...]: ...
        @property
        def writes(self) -> tuple[str, ...]: ...
    else:
        reads = ()
        writes = ()

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return ()

    def licences(self) -> dict[str, Licence | None]:
        """Of the weights it works with, by where they are from; None where it is not known."""
        return {checkpoint.location: licence_of(checkpoint) for checkpoint in self.checkpoints()}

    def lacking(self) -> str | None:
        """What it needs that is not here, beside weights: a library, a folder of the user's; and how to have it."""
        return None

    def settled(self, gpus: int) -> dict[str, Any]:
        """Settings that were left open, decided where the run is planned, for all of it; `gpus`: of each worker."""
        return {}

    def used(self) -> dict[str, float]:
        """What it has used up since it was set up for the first time, by kind: requests, tokens, money."""
        return {}

    def expected_cost(self, item: Item) -> Expected | None:
        """What it will cost, as far as that can be said before anything is known but the row. None: it has no price."""
        return None

    def lists(self) -> tuple[PublishedFile, ...]:
        """What has to be fetched besides: lists of names, thresholds."""
        return ()

    def has_work_for(self, record: Record) -> bool:
        """Whether it has anything to do for the record; one for which it has not is passed by."""
        return True

    @property
    def lazy(self) -> bool:
        """Whether it is loaded only when a record needs it, and not before the first."""
        return False

    def setup(self, device: str) -> None:
        """Load what is needed, once per worker. `device` is 'cpu' or 'cuda'; keep it as `self.device`: `map`
        goes by that."""

    def __call__(self, records: Sequence[Record]) -> None:
        """Fill the fields of each; raise ItemError(reason, record.item.id) for one that can't be done."""
        raise NotImplementedError

    def free(self) -> None:
        """Let go of what `setup` has loaded, which may be called again later: of all that begins with `_`."""
        for name in [name for name in vars(self) if name.startswith("_")]:
            delattr(self, name)

    def rest(self) -> None:
        """Its turn is over, and another step's models take the GPU: let go of its memory there. `setup` comes before
        it is called again."""
        self.free()

    def model(self) -> dict[str, Any]:
        """What made this part of a record, as the record says it under `models`."""
        return {"name": type(self).__name__}

    def model_of(self, record: Record) -> dict[str, Any]:
        """The same, of a record for which it did something else than for the others: why it has no picture, say."""
        return self.model()

    def map(
        self,
        call: Callable[[Sequence[Any]], Sequence[Result]],
        units: Sequence[Unit],
        key: Callable[[Unit], Hashable] | None = None,
        prepare: Callable[[Unit], Any] | None = None,
        full: bool = True,
    ) -> list[Result]:
        """`call` over all units; results in order. On a CPU it gets them one by one (see `at_once`). On a GPU it gets
        batches of `batch_size`, units of one `key` together, and what is left over filled up with its last unit: all
        batches of a key have one shape. Where nearly every unit has a key of its own, filling up costs more than
        batches bring: `full=False` is for those.

        With `prepare`, `call` gets what that makes of each unit (a resized picture, say): in threads, while an earlier
        batch is computed. When the GPU's memory runs out, the batch size is halved for good and the same units are
        tried again.
        """
        if self.batching is None:
            self.batching = self._new_batches()
        return self.batching.map(call, units, key, prepare, full)

    def at_once(self, most: int) -> int:
        """How many units may go through a network in one call: `most` on a GPU, one on a CPU.

        On a CPU the place in a batch may decide a unit's last bit: what is left over behind the last whole vector, or
        the last block of a matrix product's rows, is computed by other instructions. By itself a unit has one shape and
        one place, and so the same bits in any company; and a CPU gains little from batches. A GPU gains much, and there
        a unit in company agrees with itself alone to a bound: docs/speed.md says which.
        """
        return most if self._on_gpu() else 1

    def _on_gpu(self) -> bool:
        """By what `setup` has kept as `device`, or as `_device`, which was its name at first."""
        return str(getattr(self, "_device", self.device)).startswith("cuda")

    def _new_batches(self) -> Batches:
        size = getattr(self, "batch_size", 1)
        if size != AUTO:
            return Batches(self.at_once(size))
        usual = getattr(type(self), "batch_size", AUTO)  # the field's default
        return Batches(self.at_once(usual if isinstance(usual, int) else 1), GpuMemory() if self._on_gpu() else None)
