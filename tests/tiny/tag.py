"""Tiny checkpoints of RAM, RAM++ and Tag2Text: the published names and layout, random weights."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

TAGS = (
    *("person", "cat", "cup", "coffee", "table", "temple", "roof", "sky", "flower", "leaf"),
    *("rocket", "street", "bus", "orange (fruit)", "traffic light", "red", "blue", "tree", "dog", "window"),
)
IMAGE_SIZE = 64  # 16, 8 and 4 patches a side: shifted windows in the first two stages, none in the last
DIM, DEPTHS, HEADS, WINDOW = 8, (2, 2, 2), (2, 2, 4), 4
WIDTH, HEAD_WIDTH, HIDDEN = 16, 16, 32
DESCRIPTIONS = 3


def make_ram(folder: Path, tags: tuple[str, ...] = TAGS, seed: int = 0) -> Path:
    """`folder`/ram.pth with its lists beside it; some of the tags are found in any picture."""
    weights = _vision_and_head(seed) | _with_projections(len(tags), seed)
    return _write(folder, "ram.pth", weights, tags, "ram_tag_list.txt")


def make_ram_plus(folder: Path, tags: tuple[str, ...] = TAGS, seed: int = 0) -> Path:
    """Needs `descriptions=DESCRIPTIONS`."""
    weights = _vision_and_head(seed) | _with_projections(len(tags) * DESCRIPTIONS, seed)
    weights["reweight_scale"] = torch.tensor(2.0)
    return _write(folder, "ram_plus.pth", weights, tags, "ram_tag_list.txt")


def make_tag2text(folder: Path, tags: tuple[str, ...] = TAGS, seed: int = 0) -> Path:
    """Needs `tag_thresholds={}` and `skip_tags=[]`, or tags that hold the defaults' names."""
    random = torch.Generator().manual_seed(seed + 1)
    weights = _vision_and_head(seed, context=_last_width())
    weights["label_embed.weight"] = torch.randn(len(tags), HEAD_WIDTH, generator=random)
    weights["fc.W"] = torch.randn(1, len(tags), HEAD_WIDTH, generator=random)
    weights["fc.b"] = torch.randn(1, len(tags), generator=random)
    return _write(folder, "tag2text.pth", weights, tags, "tag2text_ori_tag_list.txt")


def _write(folder: Path, name: str, weights: dict[str, Tensor], tags: tuple[str, ...], list_name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    # As published: under "model", with what the tagging half doesn't use, and no newline after the last tag.
    surplus = {"tag_encoder.embeddings.word_embeddings.weight": torch.zeros(3, 2)}
    torch.save({"model": weights | surplus, "epoch": 4}, folder / name)
    (folder / list_name).write_text("\n".join(tags), encoding="utf-8")
    (folder / "ram_tag_list_threshold.txt").write_text("\n".join(["0.5"] * len(tags)), encoding="utf-8")
    return folder / name


def _with_projections(rows: int, seed: int) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed + 1)
    return {
        "label_embed": torch.randn(rows, WIDTH, generator=random),
        **_linear("image_proj", _last_width(), WIDTH, random),
        **_linear("wordvec_proj", WIDTH, HEAD_WIDTH, random, 1.0),
        **_linear("fc", HEAD_WIDTH, 1, random, 1.0),
        "fc.bias": torch.tensor([-5.0]),  # about a third of the tags in a picture, and not the same in all
    }


def _vision_and_head(seed: int, context: int = WIDTH) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    weights = {
        "visual_encoder.patch_embed.proj.weight": torch.randn(DIM, 3, 4, 4, generator=random) * 0.2,
        "visual_encoder.patch_embed.proj.bias": torch.zeros(DIM),
        **_norm("visual_encoder.patch_embed.norm", DIM),
        **_norm("visual_encoder.norm", _last_width()),
    }
    for stage, (depth, heads) in enumerate(zip(DEPTHS, HEADS, strict=True)):
        dim, name = DIM * 2**stage, f"visual_encoder.layers.{stage}"
        for block in range(depth):
            weights |= _block(f"{name}.blocks.{block}", dim, heads, random)
        if stage + 1 < len(DEPTHS):
            weights |= _norm(f"{name}.downsample.norm", 4 * dim)
            weights |= _linear(f"{name}.downsample.reduction", 4 * dim, 2 * dim, random, bias=False)
    for layer in range(2):
        name = f"tagging_head.encoder.layer.{layer}"
        ask = f"{name}.crossattention.self"
        weights |= _linear(f"{ask}.query", HEAD_WIDTH, HEAD_WIDTH, random)
        weights |= _linear(f"{ask}.key", context, HEAD_WIDTH, random)
        weights |= _linear(f"{ask}.value", context, HEAD_WIDTH, random)
        weights |= _linear(f"{name}.crossattention.output.dense", HEAD_WIDTH, HEAD_WIDTH, random)
        weights |= _norm(f"{name}.crossattention.output.LayerNorm", HEAD_WIDTH)
        weights |= _linear(f"{name}.intermediate.dense", HEAD_WIDTH, HIDDEN, random)
        weights |= _linear(f"{name}.output.dense", HIDDEN, HEAD_WIDTH, random)
        weights |= _norm(f"{name}.output.LayerNorm", HEAD_WIDTH)
    return weights


def _block(name: str, dim: int, heads: int, random: torch.Generator) -> dict[str, Tensor]:
    tokens = WINDOW * WINDOW
    return {
        **_norm(f"{name}.norm1", dim),
        **_norm(f"{name}.norm2", dim),
        f"{name}.attn.relative_position_bias_table": torch.randn((2 * WINDOW - 1) ** 2, heads, generator=random),
        f"{name}.attn.relative_position_index": torch.zeros(tokens, tokens, dtype=torch.long),
        **_linear(f"{name}.attn.qkv", dim, 3 * dim, random),
        **_linear(f"{name}.attn.proj", dim, dim, random),
        **_linear(f"{name}.mlp.fc1", dim, 4 * dim, random),
        **_linear(f"{name}.mlp.fc2", 4 * dim, dim, random),
    }


def _linear(
    name: str, inputs: int, outputs: int, random: torch.Generator, scale: float = 0.5, bias: bool = True
) -> dict[str, Tensor]:
    made = {f"{name}.weight": torch.randn(outputs, inputs, generator=random) * scale}
    return made | ({f"{name}.bias": torch.randn(outputs, generator=random) * 0.1} if bias else {})


def _last_width() -> int:
    return int(DIM * 2 ** (len(DEPTHS) - 1))


def _norm(name: str, dim: int) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.ones(dim), f"{name}.bias": torch.zeros(dim)}
