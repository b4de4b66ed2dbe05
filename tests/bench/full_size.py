"""The published architectures at full size, with random weights: how long each step takes, and how much memory.

    python -m tests.bench.full_size FOLDER [--photos 2] [--segment b] [--caption blip] [--device cpu] [--dtype float32]

FOLDER keeps the weights between calls (about 3 GB with SAM-HQ's ViT-B and BLIP base; ViT-H, BLIP-2 and flan-t5-xxl take
13, 8 and 25 GB). Random weights find nothing real, so tags and boxes are given: what is shown is that the networks run,
how fast, and in how much memory. Each step runs in a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generate.record import Instance, Item, Record, Tag
from generate.settings import target

TAGS = ("person", "cat", "cup", "table", "temple", "sky", "tree", "flag")
VISION = {"b": (768, 12, 12, [2, 5, 8, 11]), "h": (1280, 32, 16, [7, 15, 23, 31])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=2)
    parser.add_argument("--segment", choices=tuple(VISION), default="b")
    parser.add_argument("--caption", choices=("blip", "blip2-opt-2.7b", "blip2-flan-t5-xxl"), default="blip")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step:
        print(json.dumps(measure(chosen)))
        return
    print(f"{'step':<10}{'model':<22}{'parameters':>12}{'load s':>8}{'s/photo':>9}{'peak GB':>9}{'GPU GB':>8}")
    for step in ("tag", "ground", "segment", "caption", "embed"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.full_size", *sys.argv[1:], "--step", step], stdout=subprocess.PIPE
        )
        if done.returncode:
            print(f"{step:<10}failed with exit code {done.returncode}")
            continue
        r = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{step:<10}{r['model']:<22}{r['parameters'] / 1e6:>10.0f} M{r['load']:>8.1f}{r['seconds']:>9.2f}"
            f"{r['peak']:>9.1f}{r['gpu'] or '-':>8}",
            flush=True,
        )


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    import torch

    torch.set_flush_denormal(True)  # untrained weights make them, and they make a CPU crawl
    name, make, settings = described(chosen)
    folder = chosen.folder / name
    if not folder.exists():
        torch.manual_seed(0)
        make(folder)
    checkpoint = folder / "ram.pth" if chosen.step == "tag" else folder
    step = target(settings.pop("_target_"))(checkpoint=str(checkpoint), dtype=chosen.dtype, **settings)
    began = time.perf_counter()
    step.setup(chosen.device)
    loaded = time.perf_counter()
    records = photos(chosen.photos)
    step(records[:1])  # the first call pays for what is made once
    start = time.perf_counter()
    step(records)
    if chosen.device != "cpu":
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / len(records)
    return {
        "model": name,
        "parameters": parameters(folder),
        "load": loaded - began,
        "seconds": seconds,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "gpu": f"{torch.cuda.max_memory_allocated() / 1e9:.1f}" if chosen.device != "cpu" else "",
    }


def described(chosen: argparse.Namespace) -> tuple[str, Callable[[Path], None], dict[str, Any]]:
    """The model's name, what makes it, and the step that it is for."""
    steps = "generate.steps"
    if chosen.step == "tag":
        return "ram-swin-l", make_ram, {"_target_": f"{steps}.tag.ram.RAM", "batch_size": chosen.photos}
    if chosen.step == "ground":
        return "grounding-dino-t", make_ground, {"_target_": f"{steps}.ground.groundingdino.GroundingDino"}
    if chosen.step == "segment":
        size = chosen.segment
        return (
            f"sam-hq-vit-{size}",
            lambda folder: make_sam(folder, size),
            {"_target_": f"{steps}.segment.sam_hq.SamHQ"},
        )
    if chosen.step == "caption":
        blip = chosen.caption == "blip"
        name = f"{steps}.caption.{'blip.BLIP' if blip else 'blip2.BLIP2'}"
        return chosen.caption, lambda folder: make_caption(folder, chosen.caption), {"_target_": name}
    return "clip-vit-l", make_clip, {"_target_": f"{steps}.embed.clip.CLIP"}


def make_ram(folder: Path) -> None:
    from tests.tiny import tag

    # The tiny maker's own sizes, grown to the published ones.
    grown = {"DIM": 192, "DEPTHS": (2, 2, 18, 2), "HEADS": (6, 12, 24, 48), "WINDOW": 12}
    grown |= {"WIDTH": 512, "HEAD_WIDTH": 768, "HIDDEN": 3072}
    for name, value in grown.items():
        setattr(tag, name, value)
    tag._vision_and_head.__defaults__ = (512,)
    tag.make_ram(folder, (*TAGS, *(f"thing {n}" for n in range(4585 - len(TAGS)))))


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


def parameters(folder: Path) -> int:
    """Counted by the bytes of the weights, which are as wide as they were saved."""
    from safetensors import safe_open

    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118  (it is no dictionary)
                shape = file.get_slice(name).get_shape()
                size = 1
                for side in shape:
                    size *= side
                total += size
    for path in folder.glob("*.pth"):
        total += path.stat().st_size // 4
    return total


def photos(number: int) -> list[Record]:
    """Real photos with eight tags each and three boxes."""
    from PIL import Image
    from skimage import data

    made = []
    for n in range(number):
        image = Image.fromarray((data.astronaut, data.coffee, data.chelsea, data.rocket)[n % 4]()).convert("RGB")
        record = Record(Item(f"{n:016x}", n, f"{n}.jpg", "a photo"), image.resize((800, 600)), caption="a photo")
        record.tags = [Tag(name, 0.9) for name in TAGS]
        record.instances = [
            Instance((40.0 * k, 30.0 * k, 300.0 + 60 * k, 280.0 + 50 * k), 0.9, TAGS[k], caption=f"a {TAGS[k]}")
            for k in range(3)
        ]
        made.append(record)
    return made


if __name__ == "__main__":
    main()
