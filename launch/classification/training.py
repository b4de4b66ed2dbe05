"""The loop: what a step does depends on the seed and the step's number alone, so that who was killed goes on from the
last checkpoint to the very same end."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.compute.threads import each
from labelyard.launch.classification.pictures import Divided, Framing, Labelled, order
from labelyard.utils.atomic import write_atomic
from labelyard.utils.errors import UserError

if TYPE_CHECKING:
    import torch

CHECKPOINT = "checkpoint.pt"
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    model: str
    steps: int
    batch: int
    rate: float
    seed: int
    device: str
    save_every: int

    @property
    def is_transformer(self) -> bool:
        return "vit" in self.model.lower() or "deit" in self.model.lower()


@dataclass(frozen=True)
class Ranks:
    """This process among those that torchrun has started."""

    rank: int
    number: int

    @classmethod
    def joined(cls, device: str) -> Ranks:
        number = int(os.environ.get("WORLD_SIZE", "1"))
        if number > 1:
            import torch.distributed as distributed

            distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        return cls(int(os.environ.get("RANK", "0")), number)


def train(plan: Plan, data: Divided, framing: Framing, place: Path, tell: Tell) -> Any:
    """The trained network. Every rank has the same."""
    import torch

    ranks = Ranks.joined(plan.device)
    network = build(plan, data.classes)
    optimiser = _optimiser(plan, network)
    pace = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: 0.5 * (1 + math.cos(math.pi * min(1.0, step / plan.steps)))
    )
    first = _gone_on(place / CHECKPOINT, plan, network, optimiser, pace)
    if first:
        tell(f"goes on at step {first} of {plan.steps}")
    wrapped: Any = torch.nn.parallel.DistributedDataParallel(network) if ranks.number > 1 else network
    numbers = {label: number for number, label in enumerate(data.classes)}
    for step in range(first, plan.steps):
        torch.manual_seed(plan.seed * 1_000_003 + step)  # of what a network drops at random
        some, epoch = _batch(plan, data.train, step)
        mine = some[ranks.rank :: ranks.number] or some[:1]
        network.train()
        logits = wrapped(pixel_values=_pixels(mine, framing, epoch, plan.device)).logits
        wanted = torch.tensor([numbers[one.label] for one in mine], device=plan.device)
        loss = torch.nn.functional.cross_entropy(logits.float(), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        pace.step()
        done = step + 1
        if done % plan.save_every == 0 or done == plan.steps:
            tell(f"step {done} of {plan.steps}: loss {loss.item():.4f}")
            if ranks.rank == 0:
                _save(place / CHECKPOINT, plan, done, network, optimiser, pace)
    return network


def build(plan: Plan, classes: Sequence[str]) -> Any:
    import torch
    import transformers

    ports: Any = transformers
    torch.manual_seed(plan.seed)  # of the head, which is new
    try:
        network = ports.AutoModelForImageClassification.from_pretrained(
            plan.model,
            id2label=dict(enumerate(classes)),
            label2id={label: number for number, label in enumerate(classes)},
            ignore_mismatched_sizes=True,
        )
    except (OSError, ValueError) as error:
        raise UserError(f"--model {plan.model} can't be loaded: {str(error).splitlines()[0]}") from None
    return network.to(plan.device)


def _optimiser(plan: Plan, network: Any) -> torch.optim.Optimizer:
    import torch

    if plan.is_transformer:
        return torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=0.05)
    return torch.optim.SGD(network.parameters(), lr=plan.rate, momentum=0.9, nesterov=True, weight_decay=1e-4)


def _batch(plan: Plan, pictures: Sequence[Labelled], step: int) -> tuple[list[Labelled], int]:
    size = min(plan.batch, len(pictures))
    each_epoch = len(pictures) // size
    epoch, place = divmod(step, each_epoch)
    chosen = order(len(pictures), epoch, plan.seed)[place * size : (place + 1) * size]
    return [pictures[number] for number in chosen], epoch


def _pixels(some: Sequence[Labelled], framing: Framing, epoch: int | None, device: str) -> torch.Tensor:
    import numpy as np
    import torch

    return torch.from_numpy(np.stack(each(lambda one: framing.of(one, epoch), some))).to(device)


def _save(path: Path, plan: Plan, step: int, network: Any, optimiser: Any, pace: Any) -> None:
    import torch

    state = {"plan": _lasting(plan), "step": step, "network": network.state_dict()}
    state |= {"optimiser": optimiser.state_dict(), "pace": pace.state_dict()}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())


def _gone_on(path: Path, plan: Plan, network: Any, optimiser: Any, pace: Any) -> int:
    import torch

    if not path.exists():
        return 0
    state = torch.load(path, map_location=plan.device, weights_only=True)
    if state["plan"] != _lasting(plan):
        different = [key for key, value in _lasting(plan).items() if state["plan"].get(key) != value]
        raise UserError(
            f"{path} is of another training ({', '.join(different)} differ). Give the same again, or another --output"
        )
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    pace.load_state_dict(state["pace"])
    return int(state["step"])


def _lasting(plan: Plan) -> dict[str, Any]:
    return {"model": plan.model, "steps": plan.steps, "batch": plan.batch, "rate": plan.rate, "seed": plan.seed}


@dataclass(frozen=True)
class Result:
    accuracy: float
    per_class: dict[str, float]

    @property
    def mean_per_class(self) -> float:
        return sum(self.per_class.values()) / len(self.per_class)


def test(plan: Plan, network: Any, data: Divided, framing: Framing) -> Result:
    import torch

    network.eval()
    right: dict[str, list[bool]] = {}
    for start in range(0, len(data.test), plan.batch):
        some = data.test[start : start + plan.batch]
        with torch.inference_mode():
            answers = network(pixel_values=_pixels(some, framing, None, plan.device)).logits.argmax(-1).tolist()
        for one, answer in zip(some, answers, strict=True):
            right.setdefault(one.label, []).append(data.classes[answer] == one.label)
    every = [hit for hits in right.values() for hit in hits]
    return Result(sum(every) / len(every), {label: sum(hits) / len(hits) for label, hits in sorted(right.items())})
