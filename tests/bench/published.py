"""The published architectures at full size, with random weights: made here, as a user would have them on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelyard.generate.record import Instance, Item, Record, Tag
from labelyard.generate.settings import target
from labelyard.generate.step import Step

STEPS = ("tag", "ground", "segment", "caption", "embed")
CAPTIONERS = ("blip", "blip2-opt-2.7b", "blip2-flan-t5-xxl")
TAGS = ("person", "cat", "cup", "table", "temple", "sky", "tree", "flag")
VISION = {"b": (768, 12, 12, [2, 5, 8, 11]), "h": (1280, 32, 16, [7, 15, 23, 31])}


@dataclass(frozen=True)
class Published:
    """A network, what makes its weights, and the step that it is for."""

    name: str
    make: Callable[[Path], None]
    step: str  # the dotted name of its class
    file: str = ""  # the checkpoint inside of its folder, where that is a file
    settings: dict[str, Any] = field(default_factory=dict)
    tags: int = len(TAGS)  # of each photo

    def made(self, folder: Path) -> Path:
        """The folder of its weights, which is filled at the first call."""
        import torch

        place = folder / self.name
        if not place.exists():
            torch.manual_seed(0)
            self.make(place)
        return place

    def build(self, folder: Path, **settings: Any) -> Step:
        place = self.made(folder)
        step: Step = target(self.step)(checkpoint=str(place / self.file), **{**self.settings, **settings})
        return step


def networks(pipeline: str, segment: str = "b", captions: Sequence[str] = ()) -> dict[str, Published]:
    """Of a pipeline, by step, in its order. Of the captioners the one that belongs there, or its own."""
    from tests.bench import today

    if pipeline == "others":
        return today.others()
    if pipeline == "instances2026":
        return today.networks(next((name for name in captions if name in today.MODELS), today.MODELS[-1]))
    caption = next((name for name in captions if name in CAPTIONERS), CAPTIONERS[0])
    return {step: published(step, segment, caption) for step in STEPS}


def published(step: str, segment: str = "b", caption: str = "blip") -> Published:
    kinds = "labelyard.generate.steps"
    if step == "tag":
        return Published("ram-swin-l", make_ram, f"{kinds}.tag.ram.RAM", "ram.pth")
    if step == "ground":
        return Published("grounding-dino-t", make_ground, f"{kinds}.ground.groundingdino.GroundingDino")
    if step == "segment":
        name = f"sam-hq-vit-{segment}"
        return Published(name, lambda folder: make_sam(folder, segment), f"{kinds}.segment.sam_hq.SamHQ")
    if step == "caption":
        class_name = "blip.BLIP" if caption == "blip" else "blip2.BLIP2"
        return Published(caption, lambda folder: make_caption(folder, caption), f"{kinds}.caption.{class_name}")
    return Published("clip-vit-l", make_clip, f"{kinds}.embed.clip.CLIP")


def make_ram(folder: Path) -> None:
    from tests.tiny import tag

    tag.make_ram(folder, grown_ram())


def grown_ram() -> tuple[str, ...]:
    """Has the tiny makers make networks of the published size; as many tags as those have."""
    from tests.tiny import tag

    # The tiny maker's own sizes, grown to the published ones.
    grown = {"DIM": 192, "DEPTHS": (2, 2, 18, 2), "HEADS": (6, 12, 24, 48), "WINDOW": 12}
    grown |= {"WIDTH": 512, "HEAD_WIDTH": 768, "HIDDEN": 3072}
    for name, value in grown.items():
        setattr(tag, name, value)
    tag._vision_and_head.__defaults__ = (512,)
    return (*TAGS, *(f"thing {n}" for n in range(4585 - len(TAGS))))


def make_ground(folder: Path) -> None:
    import transformers

    from tests.tiny.ground import make_lively
    from tests.tiny.vocabulary import write_tokenizer

    ports: Any = transformers
    model = ports.GroundingDinoForObjectDetection(ports.GroundingDinoConfig())
    make_lively(model)
    write_tokenizer(folder)
    model.save_pretrained(str(folder))


def make_sam(folder: Path, size: str) -> None:
    from transformers import SamHQConfig, SamHQModel

    width, layers, heads, windowless = VISION[size]
    vision = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "global_attn_indexes": windowless,
        "initializer_range": 0.02,
    }
    config = SamHQConfig(vision_config=vision, mask_decoder_config={"vit_dim": width})
    SamHQModel(config).save_pretrained(str(folder))


def make_caption(folder: Path, name: str) -> None:
    import transformers

    from tests.tiny.text import word_tokenizer

    ports: Any = transformers
    images = ports.BlipImageProcessor(
        size={"height": 384 if name == "blip" else 224, "width": 384 if name == "blip" else 224}
    )
    if name == "blip":
        marks = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "bos_token": "[DEC]"}
        tokenizer = word_tokenizer("[CLS]", "[SEP]", tuple(marks.values()), **marks)
        ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.sep_token_id,
               "sep_token_id": tokenizer.sep_token_id, "pad_token_id": tokenizer.pad_token_id}  # fmt: skip
        config = ports.BlipConfig(
            text_config={"vocab_size": 30524, "initializer_range": 0.02, **ids},
            vision_config={"image_size": 384, "initializer_range": 0.02},
        )
        ports.BlipForConditionalGeneration(config).save_pretrained(str(folder))
        images.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "bos_token": "</s>"}
    t5 = name.endswith("xxl")
    tokenizer = word_tokenizer("" if t5 else "</s>", "</s>" if t5 else "", ("<pad>", "</s>", "<image>"), **marks)
    ids = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    text = (
        ports.T5Config(vocab_size=32128, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
                       feed_forward_proj="gated-gelu", tie_word_embeddings=False,
                       decoder_start_token_id=tokenizer.pad_token_id, **ids)
        if t5
        else ports.OPTConfig(vocab_size=50304, hidden_size=2560, num_hidden_layers=32, ffn_dim=10240,
                             num_attention_heads=32, word_embed_proj_dim=2560, **ids)
    )  # fmt: skip
    config = ports.Blip2Config(
        vision_config={"initializer_range": 0.02},
        text_config=text.to_dict(),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    import torch

    torch.set_default_dtype(torch.bfloat16)
    model = ports.Blip2ForConditionalGeneration(config)
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(str(folder))
    ports.Blip2Processor(images, tokenizer, num_query_tokens=32).save_pretrained(folder)


def make_clip(folder: Path) -> None:
    from transformers import CLIPTextConfig, CLIPTextModel

    from tests.tiny.text import byte_tokenizer

    start, end = "<|startoftext|>", "<|endoftext|>"
    tokenizer = byte_tokenizer(start, end, (start, end), bos_token=start, eos_token=end, pad_token=end)
    config = CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
        bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    CLIPTextModel(config).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def photos(number: int, tags: int = len(TAGS)) -> list[Record]:
    """Real photos with so many tags each and three boxes."""
    from PIL import Image
    from skimage import data

    made = []
    for n in range(number):
        photo = (data.astronaut, data.coffee, data.chelsea, data.rocket)[n % 4]()  # type: ignore[no-untyped-call]
        image = Image.fromarray(photo).convert("RGB")
        record = Record(Item(f"{n:016x}", n, f"{n}.jpg", "a photo"), image.resize((800, 600)), caption="a photo")
        record.tags = [Tag(TAGS[k % len(TAGS)] + " thing" * (k // len(TAGS)), 0.9) for k in range(tags)]
        record.instances = [
            Instance((40.0 * k, 30.0 * k, 300.0 + 60 * k, 280.0 + 50 * k), 0.9, TAGS[k], caption=f"a {TAGS[k]}")
            for k in range(3)
        ]
        made.append(record)
    return made
