"""RAM, RAM++ and Tag2Text in plain torch: a Swin encoder and a head that asks the picture about each tag.

Inference only. Modules are named as in the published checkpoints, so that those load without any renaming. The sizes
are read from the checkpoint: a small one, for tests, is opened by the same code as a published one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelyard.generate.steps.models.ram.swin import Swin, swin_sizes

State = Mapping[str, Tensor]
# Not to be seen in the weights' shapes: all three were published with four heads (their q2l_config.json).
TAGGING_HEADS = 4
LAYER_NORM_EPS = 1e-12


class AddAndNorm(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)
        self.LayerNorm = nn.LayerNorm(outputs, eps=LAYER_NORM_EPS)

    def forward(self, update: Tensor, to: Tensor) -> Tensor:
        normed: Tensor = self.LayerNorm(to + self.dense(update))
        return normed


class Look(nn.Module):
    """Each tag looks at the picture's patches."""

    def __init__(self, dim: int, context: int) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(dim, dim), nn.Linear(context, dim), nn.Linear(context, dim)

    def forward(self, tags: Tensor, context: Tensor) -> Tensor:
        query, key, value = (
            projected.unflatten(-1, (TAGGING_HEADS, -1)).transpose(1, 2)
            for projected in (self.query(tags), self.key(context), self.value(context))
        )
        return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


class TaggingLayer(nn.Module):
    """One round: tags attend to the picture, and not to each other."""

    crossattention: Any  # plain modules, there for the names of the checkpoint
    intermediate: Any

    def __init__(self, dim: int, context: int, hidden: int) -> None:
        super().__init__()
        self.crossattention = nn.Module()
        self.crossattention.self = Look(dim, context)
        self.crossattention.output = AddAndNorm(dim, dim)
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(dim, hidden)
        self.output = AddAndNorm(hidden, dim)

    def forward(self, tags: Tensor, context: Tensor) -> Tensor:
        tags = self.crossattention.output(self.crossattention.self(tags, context), tags)
        after: Tensor = self.output(F.gelu(self.intermediate.dense(tags)), tags)
        return after


class Tagger(nn.Module):
    """What the three have in common. `forward`: normalized images [B, 3, S, S] -> logits [B, tags]."""

    tagging_head: Any

    def __init__(self, state: State) -> None:
        super().__init__()
        self.visual_encoder = Swin(swin_sizes(state, "visual_encoder."))
        first = "tagging_head.encoder.layer.0."
        dim, context = state[first + "crossattention.self.key.weight"].shape
        hidden = state[first + "intermediate.dense.weight"].shape[0]
        numbered = map(re.compile(r"tagging_head\.encoder\.layer\.(\d+)\.").match, state)
        count = len({match[1] for match in numbered if match})
        self.tagging_head = nn.Module()
        self.tagging_head.encoder = nn.Module()
        self.tagging_head.encoder.layer = nn.ModuleList(TaggingLayer(dim, context, hidden) for _ in range(count))

    def ask(self, tags: Tensor, context: Tensor) -> Tensor:
        for layer in self.tagging_head.encoder.layer:
            tags = layer(tags, context)
        return tags


class RAM(Tagger):
    """One embedding per tag, made from its name by CLIP and kept in the checkpoint."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.label_embed = nn.Parameter(torch.empty(state["label_embed"].shape))
        self.image_proj = _linear_like(state, "image_proj")
        # Published with 512 -> 768; the original leaves the projection out where the widths are equal.
        projects = "wordvec_proj.weight" in state
        self.wordvec_proj = _linear_like(state, "wordvec_proj") if projects else nn.Identity()
        self.fc = _linear_like(state, "fc")

    def forward(self, images: Tensor) -> Tensor:
        context = self.image_proj(self.visual_encoder(images))
        tags = F.relu(self.wordvec_proj(self.label_embed)).expand(len(images), -1, -1)
        logits: Tensor = self.fc(self.ask(tags, context)).squeeze(-1)
        return logits


class RAMPlus(RAM):
    """Several descriptions per tag, weighed for each picture by how well they fit its overall embedding."""

    def __init__(self, state: State, descriptions: int) -> None:
        super().__init__(state)
        self.descriptions = descriptions
        self.reweight_scale = nn.Parameter(torch.empty(()))

    def forward(self, images: Tensor) -> Tensor:
        context = self.image_proj(self.visual_encoder(images))
        overall = context[:, 0] / context[:, 0].norm(dim=-1, keepdim=True)
        fit = (self.reweight_scale.exp() * overall) @ self.label_embed.t()
        weights = fit.view(len(images), -1, self.descriptions).softmax(dim=2)
        described = self.label_embed.view(-1, self.descriptions, self.label_embed.shape[1])
        # einsum never holds the [B, tags, descriptions, width] product, which is half a gigabyte per picture.
        tags = F.relu(self.wordvec_proj(torch.einsum("btd,tdw->btw", weights, described)))
        logits: Tensor = self.fc(self.ask(tags, context)).squeeze(-1)
        return logits


class Tag2Text(Tagger):
    """Learned tags, and for each its own last layer. Its captioning half is not built."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.label_embed = nn.Embedding(*state["label_embed.weight"].shape)
        self.fc = GroupWiseLinear(*state["fc.W"].shape[1:])

    def forward(self, images: Tensor) -> Tensor:
        tags = self.label_embed.weight.expand(len(images), -1, -1)
        logits: Tensor = self.fc(self.ask(tags, self.visual_encoder(images)))
        return logits


class GroupWiseLinear(nn.Module):
    def __init__(self, tags: int, dim: int) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.empty(1, tags, dim))
        self.b = nn.Parameter(torch.empty(1, tags))

    def forward(self, tags: Tensor) -> Tensor:
        return (self.W * tags).sum(-1) + self.b


def published_names(state: State) -> dict[str, Tensor]:
    """The tensors by today's names: older checkpoints say vision_multi, and some save their tables."""
    return {
        key.replace("vision_multi", "tagging_head"): value
        for key, value in state.items()
        if "relative_position_index" not in key and "attn_mask" not in key
    }


def which(state: State) -> str | None:
    """The option of `tag` that the checkpoint is for."""
    if "label_embed.weight" in state and "fc.W" in state:
        return "tag2text"
    if "label_embed" in state and "image_proj.weight" in state:
        return "ram_plus" if "reweight_scale" in state else "ram"
    return None


def build(state: State, descriptions: int = 1) -> Tagger:
    """The network with these weights, no second copy of them. A KeyError names what is lacking."""
    with torch.device("meta"):
        name = which(state)
        if name == "ram_plus":
            model: Tagger = RAMPlus(state, descriptions)
        else:
            model = Tag2Text(state) if name == "tag2text" else RAM(state)
    model.load_state_dict({key: state[key] for key in model.state_dict()}, assign=True)
    return model.eval().requires_grad_(False)


def tag_count(state: State, descriptions: int = 1) -> int:
    rows = state["label_embed" if "label_embed" in state else "label_embed.weight"].shape[0]
    if rows % descriptions:
        raise ValueError(f"its {rows} label embeddings are not {descriptions} for each tag")
    return rows // descriptions


def smallest_image(state: State) -> int:
    """Every image size must be a multiple of this: then each stage's map can be cut into whole windows."""
    stages = swin_sizes(state, "visual_encoder.").stages
    return math.lcm(*(4 * 2**i * stage.window for i, stage in enumerate(stages)))


def _linear_like(state: State, name: str) -> nn.Linear:
    outputs, inputs = state[name + ".weight"].shape
    return nn.Linear(inputs, outputs)
