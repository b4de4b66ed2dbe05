"""A network as large as the weights of a checkpoint say, its layers named as they are there.

A published file and a small one of a test, with the same names, are opened by the same code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from labelyard.generate.errors import FatalError
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    Network = TypeVar("Network", bound=nn.Module)


class Shapes:
    """Layers, yet without their weights, by the names under which a checkpoint has them."""

    def __init__(self, state: Mapping[str, Tensor], prefix: str = "") -> None:
        self._state, self._prefix = state, prefix

    def within(self, name: str) -> Shapes:
        return Shapes(self._state, f"{self._prefix}{name}.")

    def has(self, name: str) -> bool:
        return f"{self._prefix}{name}" in self._state

    def shape(self, name: str) -> torch.Size:
        return self._state[f"{self._prefix}{name}"].shape

    def count(self, name: str) -> int:
        """How many numbered parts there are of it."""
        start = re.compile(re.escape(f"{self._prefix}{name}.") + r"(\d+)\.")
        return 1 + max((int(match[1]) for match in map(start.match, self._state) if match), default=-1)

    def conv(
        self, name: str, stride: int = 1, dilation: int = 1, padding: int | None = None, depthwise: bool = False
    ) -> nn.Conv2d:
        """It keeps the size of what it sees, unless there is a stride or a padding of its own."""
        from torch import nn

        outputs, inputs, height, width = self.shape(f"{name}.weight")
        around = dilation * (height - 1) // 2 if padding is None else padding
        return nn.Conv2d(
            outputs if depthwise else inputs,
            outputs,
            (height, width),
            stride,
            around,
            dilation,
            groups=outputs if depthwise else 1,
            bias=self.has(f"{name}.bias"),
        )

    def batch_norm(self, name: str) -> nn.BatchNorm2d:
        from torch import nn

        return nn.BatchNorm2d(self.shape(f"{name}.weight")[0])

    def layer_norm(self, name: str, eps: float = 1e-5) -> nn.LayerNorm:
        from torch import nn

        return nn.LayerNorm(self.shape(f"{name}.weight")[0], eps=eps)

    def linear(self, name: str) -> nn.Linear:
        from torch import nn

        outputs, inputs = self.shape(f"{name}.weight")
        return nn.Linear(inputs, outputs, bias=self.has(f"{name}.bias"))


def built(build: Callable[[Shapes], Network], state: Mapping[str, Tensor], location: str, what: str) -> Network:
    """The network with its weights, ready to answer. What else is in the checkpoint (heads for training) is left."""
    import torch

    try:
        with torch.device("meta"):
            network = build(Shapes(state))
        wanted = network.state_dict()
        counters = {name: torch.zeros(()) for name in wanted if name.endswith("num_batches_tracked")}
        network.load_state_dict({**counters, **{name: state[name] for name in wanted.keys() - counters}}, assign=True)
    except (KeyError, RuntimeError, ValueError) as error:
        raise FatalError(
            f"{location}: not a whole checkpoint of {what}: {one_line(str(error), 160)}; fetch it again, or give "
            "another"
        ) from error
    return network.requires_grad_(False).eval()
