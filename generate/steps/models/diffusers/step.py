"""What all steps share that work with a pipeline of diffusers: how it is loaded and called, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Optional, TypeVar

from labelyard.generate.errors import ItemError
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Record
from labelyard.generate.seeds import seed_of
from labelyard.generate.settings import setting, transient
from labelyard.generate.step import Checkpoint, Parts
from labelyard.generate.steps.models.diffusers.calls import answer
from labelyard.generate.steps.models.diffusers.loading import LACKING, Wanted, load_part, load_pipeline

Unit = TypeVar("Unit", bound=Hashable)
Result = TypeVar("Result")
REFUSED = "refused: the model's safety checker took what came out for unsafe"


@dataclass(frozen=True)
class Refused:
    """Stands in the place of a picture that was not given."""

    reason: str = REFUSED


@dataclass(kw_only=True)
class DiffusersStep(ModelStep):
    """Every picture has a generator of its own, seeded by its item, the step's name and `seed`, and is computed by
    itself: so it is the same in any company, on any worker, after any restart."""

    checkpoint: str = ""  # a pipeline's folder, or a hub's id of one
    # its class in diffusers; null: the one that the checkpoint names
    pipeline: Optional[str] = None  # noqa: UP045
    dtype: str = "bfloat16"
    in_float32: list[str] = field(default_factory=list)  # parts that are kept in float32, such as vae
    # of weights that are there in several forms, those with this in their names: fp16
    variant: Optional[str] = None  # noqa: UP045
    # a folder or hub's id of another AutoencoderKL than the checkpoint's
    vae: Optional[str] = None  # noqa: UP045
    # a class of diffusers, instead of the checkpoint's
    scheduler: Optional[str] = None  # noqa: UP045
    scheduler_options: dict[str, Any] = field(default_factory=dict)  # laid over the scheduler's settings, by name
    # of denoising; null: as many as the pipeline has by default
    steps: Optional[int] = setting(None, least=1, most=10_000)  # noqa: UP045
    # how closely the words are followed; null: the pipeline's default
    guidance: Optional[float] = setting(None, least=0, most=1000)  # noqa: UP045
    negative: str = ""  # what is not to be seen
    options: dict[str, Any] = field(default_factory=dict)  # further arguments of the pipeline's call, by name
    seed: int = setting(0, least=0)  # another one, and all pictures are others
    safety_checker: bool = True  # where the checkpoint has one: what it refuses is quarantined
    tiling: bool = False  # pictures are decoded by tiles: large ones need less memory, and differ at the seams
    # model, sequential: parts or layers come to the GPU when their turn comes
    offload: str = transient("none", words=("none", "model", "sequential"))
    # at once on a GPU; more than 1 changes the last digits
    batch_size: int | str = batch_of(1)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        without = tuple(name for name, part in self.given().items() if part is None or isinstance(part, Part))
        own = Checkpoint(self.checkpoint, self.revision, parts=Parts(self.variant, without))
        return (own, *(part.checkpoint for part in self.given().values() if isinstance(part, Part)))

    def lacking(self) -> str | None:
        return None if find_spec("diffusers") else LACKING

    def given(self) -> dict[str, Any]:
        """Parts of the pipeline that are not taken from its checkpoint, by name; None: it does without."""
        found: dict[str, Any] = {} if self.safety_checker else {"safety_checker": None}
        return found | ({"vae": Part("AutoencoderKL", Checkpoint(self.vae))} if self.vae else {})

    def load(self) -> None:
        self.loaded.pipe = self.loaded_pipeline()
        self.loaded.kept = {}

    def loaded_pipeline(self) -> Any:
        given = {
            name: load_part(part.name, part.checkpoint, self._dtype_of(name)) if isinstance(part, Part) else part
            for name, part in self.given().items()
        }
        return load_pipeline(self.wanted(), given, self.adapted)

    def adapted(self, pipe: Any) -> Any:
        """With what is added to it before it goes to the device."""
        return pipe

    def _dtype_of(self, part: str) -> str:
        return "float32" if part in self.in_float32 else self.dtype

    def wanted(self) -> Wanted:
        return Wanted(
            self.checkpoints()[0],
            self.pipeline,
            self.dtype,
            self.device,
            self.in_float32,
            self.scheduler,
            self.scheduler_options,
            self.offload,
            self.tiling,
        )

    def seed_for(self, record: Record, number: int) -> int:
        return seed_of(record.item.id, self.name, number, self.seed)

    def answered(self, seeds: Sequence[int], given: Mapping[str, Any]) -> Any:
        """What the pipeline gives: `given` by the step's words, over what the settings say."""
        said: dict[str, Any] = {"steps": self.steps, "guidance": self.guidance}
        if self.negative:
            said["negative"] = [self.negative] * len(seeds) if len(seeds) > 1 else self.negative
        return answer(self.loaded.pipe, seeds, {**said, **given}, self.options)

    def each_once(
        self,
        call: Callable[[Sequence[Unit]], Sequence[Result]],
        units: Sequence[Unit],
        key: Callable[[Unit], Hashable] | None = None,
    ) -> list[Result]:
        """As `map`, but what was made before a failure of another item is not made again when the step is called
        again with those that are left."""
        kept: dict[Hashable, Result] = self.loaded.kept

        def keeping(some: Sequence[Unit]) -> Sequence[Result]:
            made = call(some)
            kept.update(zip(some, made, strict=True))
            return made

        self.map(keeping, [unit for unit in units if unit not in kept], key, full=False)
        return [kept[unit] for unit in units]

    def forget(self) -> None:
        """When all records of a call have what was made."""
        self.loaded.kept.clear()

    def told(self) -> dict[str, Any]:
        """What remakes a picture, beside its prompt and seed."""
        found = {"steps": self.steps, "guidance": self.guidance, "negative": self.negative, **self.options}
        return {name: value for name, value in found.items() if value not in (None, "")}

    def model(self) -> dict[str, Any]:
        further = {"pipeline": self.pipeline, "scheduler": self.scheduler, "vae": self.vae, "variant": self.variant}
        return {
            **super().model(),
            **{name: value for name, value in further.items() if value},
            **self.told(),
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Part:
    """A model that is loaded from a checkpoint of its own and handed to the pipeline."""

    name: str  # its class in diffusers
    checkpoint: Checkpoint


def not_refused(result: Result | Refused, record: Record) -> Result:
    if isinstance(result, Refused):
        raise ItemError(result.reason, record.item.id)
    return result
