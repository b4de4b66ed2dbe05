"""`ground=sam3`: boxes and masks of all things that a name stands for, by SAM 3, which is asked for one name at a time.

An image is encoded once, however many names are asked for in it, and a name once in a worker's life.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.compute.threads import submit
from labelyard.generate.model_step import batch_of
from labelyard.generate.record import Instance, Record
from labelyard.generate.settings import setting, transient
from labelyard.generate.steps.ground.asking import Asked, Asking
from labelyard.generate.steps.ground.detections import Detection
from labelyard.generate.steps.tools.pixels import to_tensor
from labelyard.generate.steps.tools.weights import load_pretrained, load_processor, torch_dtype
from labelyard.utils.rle import Rle, encode

if TYPE_CHECKING:
    from torch import Tensor

HALF = (0.5, 0.5, 0.5)  # mean and deviation that it was trained with
LONGEST_NAME = 32  # tokens
REMEMBERED = 2048  # names whose encoding is kept
PIXELS_AT_ONCE = 64_000_000  # of masks at their images' own size


@dataclass(frozen=True)
class Framed:
    record: Record
    asked: list[Asked]
    pixels: Tensor


@dataclass(frozen=True)
class Thing:
    detection: Detection
    mask: Future[Rle]  # may still be on its way to its run-length code


@dataclass(kw_only=True)
class Sam3(Asking):
    """A score is that of the thing, times how sure the model is that there is any of its name in the picture."""

    writes: ClassVar[tuple[str, ...]] = ("instances", "instances.mask")

    checkpoint: str = "facebook/sam3"  # a hub's id or a transformers folder
    box_threshold: float = setting(0.3, least=0, most=1)  # least score of a thing
    mask_threshold: float = setting(0.5, least=0, most=1)  # from which on a pixel is part of it
    # of two boxes that overlap more than this, the better one is kept, whatever their names
    iou_threshold: float = setting(0.8, least=0, most=1)
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)
    names_at_once: int = transient(16, least=1, most=10_000)  # of an image, on a GPU

    def load(self) -> None:
        from transformers import AutoTokenizer, Sam3Model

        self.loaded.tokenizer = load_processor(AutoTokenizer, self.checkpoint, self.revision)
        self.loaded.model = load_pretrained(
            Sam3Model, self.checkpoint, device=self.device, dtype=self.dtype, revision=self.revision
        )
        size = self.loaded.model.config.vision_config.image_size
        self.loaded.side = size if isinstance(size, int) else size[0]
        self.loaded.names = OrderedDict()

    def __call__(self, records: Sequence[Record]) -> None:
        asked = {id(record): self.asked(record) for record in records}
        looked_at = [record for record in records if asked[id(record)]]

        def framed(record: Record) -> Framed:
            return Framed(record, asked[id(record)], self._pixels(record))

        found = dict(zip(map(id, looked_at), self.map(self._find, looked_at, prepare=framed), strict=True))
        for record in records:
            record.instances = self._apart(found.get(id(record), []), record.image.size)

    def _pixels(self, record: Record) -> Tensor:
        """Squeezed to a square, whatever its shape."""
        from PIL.Image import Resampling

        side = (self.loaded.side, self.loaded.side)
        return to_tensor(record.image.resize(side, Resampling.BILINEAR), HALF, HALF)

    def _find(self, framed: Sequence[Framed]) -> list[list[Thing]]:
        import torch

        with torch.inference_mode():
            pixels = torch.stack([one.pixels for one in framed]).to(self.device, torch_dtype(self.dtype))
            seen = self.loaded.model.get_vision_features(pixels)
            done: dict[int, list[Thing]] = {}  # by the record, which a batch that is filled up holds repeatedly
            for number, one in enumerate(framed):
                if id(one.record) not in done:
                    done[id(one.record)] = self._of_image(seen, number, one)
        return [done[id(one.record)] for one in framed]

    def _of_image(self, seen: Any, number: int, framed: Framed) -> list[Thing]:
        found: list[Thing] = []
        portion = self.at_once(self.names_at_once)
        for start in range(0, len(framed.asked), portion):
            some = framed.asked[start : start + portion]
            answer = self._answer(seen, number, [one.prompt for one in some])
            chances = (answer.pred_logits.float().sigmoid() * answer.presence_logits.float().sigmoid()).cpu()
            for place, one in enumerate(some):
                kept = (chances[place] > self.box_threshold).nonzero()[:, 0]
                scores = chances[place][kept].tolist()
                found += self._things(
                    one.name, scores, answer.pred_boxes[place][kept], answer.pred_masks[place][kept], framed.record
                )
        return found

    def _answer(self, seen: Any, number: int, prompts: Sequence[str]) -> Any:
        import torch
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        features, masks = zip(*map(self._name, prompts), strict=True)
        count = len(prompts)

        def repeated(levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
            return tuple(level[number : number + 1].expand(count, *level.shape[1:]) for level in levels)

        views = type(seen)(
            fpn_hidden_states=repeated(seen.fpn_hidden_states),
            fpn_position_encoding=repeated(seen.fpn_position_encoding),
        )
        text = BaseModelOutputWithPooling(pooler_output=torch.cat(features))
        return self.loaded.model(vision_embeds=views, text_embeds=text, attention_mask=torch.cat(masks))

    def _name(self, prompt: str) -> tuple[Tensor, Tensor]:
        """Encoded; by itself, so that it does not depend on what else is asked for."""
        names: OrderedDict[str, tuple[Tensor, Tensor]] = self.loaded.names
        if prompt not in names:
            inputs = self.loaded.tokenizer(
                prompt, return_tensors="pt", padding="max_length", truncation=True, max_length=LONGEST_NAME
            ).to(self.device)
            mask = inputs["attention_mask"]
            text = self.loaded.model.get_text_features(inputs["input_ids"], mask, return_dict=True)
            names[prompt] = (text.pooler_output, mask)
            if len(names) > REMEMBERED:
                names.popitem(last=False)
        names.move_to_end(prompt)
        return names[prompt]

    def _things(self, name: str, scores: list[float], boxes: Tensor, masks: Tensor, record: Record) -> list[Thing]:
        """At the image's size, so many at once as memory takes; coded in threads."""
        from torch.nn.functional import interpolate

        size = record.image.size
        room = max(1, PIXELS_AT_ONCE // (size[0] * size[1]))
        corners = boxes.float() * boxes.new_tensor([*size, *size], dtype=boxes.float().dtype)
        found = []
        for start in range(0, len(scores), room):
            some = masks[start : start + room].float().sigmoid()[None]
            whole = interpolate(some, size[::-1], mode="bilinear", align_corners=False)[0] > self.mask_threshold
            for number, mask in enumerate(whole.cpu().numpy(), start=start):
                x1, y1, x2, y2 = corners[number].tolist()
                found.append(Thing(Detection((x1, y1, x2, y2), scores[number], name), submit(encode, mask)))
        return found

    def _apart(self, things: Sequence[Thing], size: tuple[int, int]) -> list[Instance]:
        """Best first, inside the image, and each thing once."""
        import numpy as np

        from labelyard.utils.boxes import areas, clip, nms

        masks = {id(one.detection): one.mask for one in things}
        found = self.best([one.detection for one in things])
        boxes = np.array([one.box for one in found], dtype=np.float64).reshape(-1, 4)
        inside = clip(boxes, *size)
        instances = []
        for number in nms(boxes, np.array([one.score for one in found]), self.iou_threshold):
            if areas(inside[number]) > 0:
                x1, y1, x2, y2 = inside[number].tolist()
                one = found[number]
                instances.append(Instance((x1, y1, x2, y2), one.score, one.label, mask=masks[id(one)].result()))
        return instances
