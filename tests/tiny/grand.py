"""All models of pipeline=grand, tiny and random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny import caption, chat, depth, embed, ground, segment, tag

PEOPLE = ("man", "woman")


def grand_settings(folder: Path, parser: bool, server: str | None = None) -> list[str]:
    """What puts them in the place of the published ones; without a parser Florence-2 finds the phrases. `server`: the
    address of one that describes pictures and scenes in words that fit, so that texts have phrases."""
    tag.make_ram(folder / "ram")
    tag.make_tag2text(folder / "tag2text", (*tag.TAGS, *PEOPLE))
    llava = caption.make_llava(folder / "llava")
    florence = caption.make_florence2(folder / "florence2")
    clip = embed.make_clip_that_sees(folder / "clip")
    dfine = ground.make_dfine(folder / "dfine")
    settings = [
        f"ram.checkpoint={folder / 'ram' / 'ram.pth'}",
        f"tag2text.checkpoint={folder / 'tag2text' / 'tag2text.pth'}",
        *(f"{name}.image_size={tag.IMAGE_SIZE}" for name in ("ram", "tag2text")),
        f"masks1.checkpoint={ground.make_mask2former(folder / 'mask2former')}",
        f"boxes1.checkpoint={dfine}",
        f"boxes2.checkpoint={ground.make_dfine(folder / 'dfine2', seed=3)}",
        f"open1.checkpoint={ground.make_owlv2(folder / 'owlv2')}",
        f"open2.checkpoint={ground.make_mm_groundingdino(folder / 'mm_groundingdino')}",
        f"phrase_boxes.checkpoint={ground.make_groundingdino(folder / 'groundingdino')}",
        *(f"{name}.short_side=64" for name in ("open2", "phrase_boxes")),
        "phrase_boxes.box_threshold=0.3",
        f"dense.checkpoint={florence}",
        "dense.max_new_tokens=60",
        *(f"{name}.checkpoint={llava}" for name in ("landmark", "llava", "region")),
        f"blip2.checkpoint={caption.make_blip2_opt(folder / 'blip2')}",
        *(f"{name}.max_tokens=12" for name in ("landmark", "blip2", "llava")),
        "region.max_new_tokens=6",
        *("region.min_area=1", "region.min_part=0", "attributes.min_part=0"),  # the pictures are small, too
        f"label.checkpoint={clip}",
        f"depth.checkpoint={depth.make_dpt(folder / 'dpt')}",
        f"dense_text.checkpoint={_brief(caption.make_llava(folder / 'brief'))}",  # it says words, the other one bytes
        f"context.checkpoint={chat.make_talker(folder / 'talker')}",
        *(f"{name}.max_tokens=40" for name in ("dense_text", "context")),
        *(f"{name}.dtype=float32" for name in ("landmark", "blip2", "llava", "region", "dense_text", "context")),
        f"missing_masks.checkpoint={segment.make_sam_hq(folder / 'sam_hq')}",
        # What they see, they see dimly.
        *(f"level1.models.{name}.threshold=0.05" for name in ("masks1", "boxes1", "boxes2", "open1", "open2", "dense")),
    ]
    if not parser:
        settings += [
            "phrases=florence2",
            f"phrases.checkpoint={florence}",
            "phrases.max_new_tokens=30",
            "dense_phrases.parser=null",
        ]
    return settings + ([] if server is None else _asking(server, folder))


def _asking(server: str, folder: Path) -> list[str]:
    (folder / "scene.txt").write_text("{scene}")
    asked = [f"{name}.{key}" for name in ("llava", "dense_text") for key in ("backend=openai", f"base_url={server}")]
    sees_the_same = f"boxes2.checkpoint={folder / 'dfine'}"  # two that agree make an object, which is described
    return [*asked, f"dense_text.prompt={folder / 'scene.txt'}", "region.max_new_tokens=2", sees_the_same]


def _brief(folder: Path) -> Path:
    """A model that comes to an end."""
    import torch
    from transformers import LlavaForConditionalGeneration

    model: Any = LlavaForConditionalGeneration.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight[model.config.text_config.eos_token_id] *= 3
    model.save_pretrained(folder)
    return folder
