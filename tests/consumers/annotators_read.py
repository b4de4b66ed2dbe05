"""Run by test_annotators.py in a process of its own: networks as their authors wrote them beside ours, with the same
random weights. Prints what differs, as JSON.

    python -m tests.consumers.annotators_read hed FOLDER_OF_THE_CHECKOUT
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from labelyard.generate.record import Record
from labelyard.generate.steps.contract import photo
from labelyard.generate.steps.tools.net_picture import resized
from labelyard.generate.steps.tools.shapes import built

PHOTOS = ("coffee", "china", "astronaut")


def lively(network: Any) -> Any:
    """Random weights that neither die nor grow on their way through."""
    drawn = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in [*network.named_parameters(), *network.named_buffers()]:
            if not value.is_floating_point():
                continue
            noise = torch.randn(value.shape, generator=drawn)
            if value.dim() > 1:
                value.copy_(noise * (1.5 / value[0].numel()) ** 0.5)
            elif name.endswith("running_var") or name.endswith("weight"):
                value.copy_(1 + 0.1 * noise.abs())
            else:
                value.copy_(0.1 * noise)
    return network.eval()


def module(name: str, **content: Any) -> types.ModuleType:
    """In place of one that is not installed, or does too much on import."""
    made = types.ModuleType(name)
    made.__dict__.update(content)
    made.__path__ = []
    sys.modules[name] = made
    return made


def package(name: str, folder: Path) -> None:
    """Its parts can be imported, and its own __init__ is not run."""
    module(name).__path__ = [str(folder)]


def weights(network: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def apart(one: Any, other: Any) -> float:
    return float(np.abs(np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)).max())


def pictures(step: Any, detector: Any) -> float:
    found = 0.0
    for name in PHOTOS:
        record: Record = photo(name)
        step([record])
        theirs = detector(record.image, detect_resolution=128, image_resolution=128)
        found = max(found, apart(record.images[step.image].image, np.asarray(theirs)[..., 0]))
    return found


def hed(folder: Path) -> dict[str, float]:
    from labelyard.generate.steps.edges.hed import Hed
    from labelyard.generate.steps.models.hed.network import Hed as Ours

    package("controlnet_aux", folder / "src" / "controlnet_aux")
    theirs: Any = importlib.import_module("controlnet_aux.hed")
    network = lively(theirs.ControlNetHED_Apache2())
    step = Hed(short_side=128)
    step.loaded.net = built(Ours, weights(network), "", "HED")
    pixels = 255 * torch.rand(1, 3, 128, 192, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        sides = [cv2.resize(side.numpy()[0, 0], (192, 128), interpolation=cv2.INTER_LINEAR) for side in network(pixels)]
        said = 1 / (1 + np.exp(-np.mean(np.stack(sides), axis=0).astype(np.float64)))
        return {
            "network": apart(said, step.loaded.net(pixels)[0]),
            "pictures": pictures(step, theirs.HEDdetector(network)),
        }


def mlsd(folder: Path) -> dict[str, float]:
    from labelyard.generate.steps.edges.mlsd import MLsd
    from labelyard.generate.steps.models.mlsd.network import MLsd as Ours

    package("controlnet_aux", folder / "src" / "controlnet_aux")
    theirs: Any = importlib.import_module("controlnet_aux.mlsd")
    network = lively(theirs.MobileV2_MLSD_Large())
    step = MLsd(short_side=128)
    step.loaded.net = built(Ours, weights(network), "", "M-LSD")
    pixels = torch.randn(1, 4, 128, 192, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        told = network(pixels)
        scores, offsets = step.loaded.net(pixels)
        difference = max(apart(told[:, 0].sigmoid(), scores), apart(told[:, 1:5], offsets))
        return {"network": difference, "pictures": pictures(step, theirs.MLSDdetector(network))}


class Posing(torch.nn.Module):
    """In place of a trained network: four people somewhere in the picture, some joints unseen."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(1))
        self.seed = 0

    def forward(self, images: Any) -> tuple[Any, Any]:
        from labelyard.generate.steps.models.openpose.people import LIMBS

        height, width = images.shape[2] // 8, images.shape[3] // 8
        fields, maps = np.zeros((38, height, width), np.float32), np.zeros((19, height, width), np.float32)
        drawn = np.random.default_rng(self.seed)
        rows, columns = np.mgrid[:height, :width]
        for _ in range(4):
            middle = np.array([drawn.uniform(2, width - 3), drawn.uniform(2, height - 3)])
            spread = min(height, width) / 5
            joints = [np.clip(middle + drawn.normal(0, spread, 2), 1, [width - 2, height - 2]) for _ in range(18)]
            for number, (x, y) in enumerate(joints):
                if drawn.random() < 0.85:
                    peak = drawn.uniform(0.5, 1) * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 1.5)
                    maps[number] = np.maximum(maps[number], peak)
            for start, end, channel in LIMBS:
                way = joints[end] - joints[start]
                for part in np.linspace(0, 1, 30):
                    x, y = np.rint(joints[start] + part * way).astype(int)
                    around = (slice(channel, channel + 2), slice(max(0, y - 1), y + 2), slice(max(0, x - 1), x + 2))
                    fields[around] = (way / (np.hypot(*way) + 1e-6))[:, None, None]
        return torch.from_numpy(fields)[None], torch.from_numpy(maps)[None]


def openpose(folder: Path) -> dict[str, float]:
    import scipy.ndimage

    from labelyard.generate.steps.models.openpose.network import OpenPose as Ours
    from labelyard.generate.steps.pose.openpose import OpenPose
    from labelyard.generate.steps.pose.skeleton import Joint, drawn

    sys.modules["scipy.ndimage.filters"] = scipy.ndimage  # where it was
    package("controlnet_aux", folder / "src" / "controlnet_aux")
    package("controlnet_aux.open_pose", folder / "src" / "controlnet_aux" / "open_pose")
    util: Any = importlib.import_module("controlnet_aux.open_pose.util")  # before body, which wants it whole
    body: Any = importlib.import_module("controlnet_aux.open_pose.body")
    network = lively(importlib.import_module("controlnet_aux.open_pose.model").bodypose_model())
    state = {name.partition(".")[2]: value for name, value in weights(network).items()}  # as the file has them
    ours = built(Ours, state, "", "OpenPose")
    pixels = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1)) - 0.5
    with torch.no_grad():
        difference = max(apart(a, b) for a, b in zip(network(pixels), ours(pixels), strict=True))
    posing = Posing()
    theirs = body.Body.__new__(body.Body)
    theirs.model = posing
    step = OpenPose()
    step.loaded.net = posing
    people = others = differing = 0.0
    for posing.seed in range(6):
        record = photo(PHOTOS[posing.seed % 3])
        whole = resized(record.image, step.short_side)
        height, width = whole.shape[:2]
        candidates, subset = theirs(whole[..., ::-1].copy())
        expected = [[None if n < 0 else tuple(candidates[int(n)][:2]) for n in row[:18]] for row in subset]
        (found,) = step.people([record])
        across, down = width / record.width, height / record.height
        seen = [[None if j is None else (round(j.x * across), round(j.y * down)) for j in person] for person in found]
        people += len(expected)
        others += sum(a != b for a, b in zip(expected, seen, strict=True))
        canvas = np.zeros((height, width, 3), np.uint8)
        for person in expected:
            util.draw_bodypose(
                canvas, [None if p is None else body.Keypoint(p[0] / width, p[1] / height) for p in person]
            )
        joints = [tuple(None if p is None else Joint(float(p[0]), float(p[1]), 1.0) for p in one) for one in expected]
        differing += float((np.asarray(drawn(joints, (width, height))) != canvas).sum())
    return {"network": difference, "people": people, "people put together otherwise": others, "pictures": differing}


def deform_conv2d(input: Any, offset: Any, weight: Any, mask: Any, padding: int, **_: Any) -> Any:
    """torchvision's, whose operators belong to one build of torch: four corners, each weighed, zero outside."""
    batch, channels, height, width = input.shape
    outputs, _, side, _ = weight.shape
    framed = torch.nn.functional.pad(input, (1, 1, 1, 1)).double()
    found = torch.zeros(batch, outputs, height, width)
    for number in range(batch):
        places = []
        for place in range(side * side):
            y = torch.arange(height)[:, None] - padding + place // side + offset[number, 2 * place].double()
            x = torch.arange(width)[None] - padding + place % side + offset[number, 2 * place + 1].double()
            value = torch.zeros(channels, height, width, dtype=torch.float64)
            for row, column in ((y.floor() + a, x.floor() + b) for a in (0, 1) for b in (0, 1)):
                weighed = (1 - (y - row).abs()) * (1 - (x - column).abs())
                inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
                rows, columns = (row.clamp(-1, height) + 1).long(), (column.clamp(-1, width) + 1).long()
                value += framed[number][:, rows, columns] * (weighed * inside)
            places.append(value * mask[number, place].double())
        kernel = weight.reshape(outputs, channels, side * side).double()
        found[number] = torch.einsum("ckhw,ock->ohw", torch.stack(places, dim=1), kernel).float()
    return found


class DropPath(torch.nn.Identity):
    """timm's, which does nothing where nothing is trained."""

    def __init__(self, *_: Any) -> None:
        super().__init__()


def pair(value: Any) -> Any:
    return value if isinstance(value, tuple) else (value, value)


TIMM: dict[str, Any] = {"DropPath": DropPath, "to_2tuple": pair, "trunc_normal_": torch.nn.init.trunc_normal_}


def birefnet(folder: Path) -> dict[str, float]:
    from labelyard.generate.steps.models.birefnet.network import BiRefNet as Ours

    module("timm")
    module("timm.layers", **TIMM)
    module("torchvision").ops = module("torchvision.ops", deform_conv2d=deform_conv2d)  # type: ignore[attr-defined]
    module("kornia")
    module("kornia.filters", laplacian=None)
    module("dataset", class_labels_TR_sorted=[])
    sys.path.insert(0, str(folder))
    config: Any = importlib.import_module("config")
    whole = config.Config.__init__

    def small(self: Any) -> None:
        """With the smallest of its own Swin Transformers."""
        whole(self)
        self.bb = "swin_v1_t"
        self.lateral_channels_in_collection = [2 * width for width in (768, 384, 192, 96)]
        self.cxt = self.lateral_channels_in_collection[1:][::-1][-self.cxt_num :]

    config.Config.__init__ = small
    swin: Any = importlib.import_module("models.backbones.swin_v1")
    module("models.backbones.build_backbone", build_backbone=lambda name, pretrained=False: getattr(swin, name)())
    network = lively(importlib.import_module("models.birefnet").BiRefNet(bb_pretrained=False))
    ours = built(Ours, weights(network), "", "BiRefNet")
    found = 0.0
    for size in ((64, 64), (96, 64)):
        images = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            found = max(found, apart(network(images)[-1], ours(images)))
    return {"network": found}


def uniformer(folder: Path) -> dict[str, float]:
    from labelyard.generate.steps.models.uniformer.network import UniFormer as Ours

    module("timm")
    module("timm.models")
    module("timm.models.layers", **TIMM)
    module("torchvision")
    package("annotator", folder / "annotator")
    package("annotator.uniformer", folder / "annotator" / "uniformer")
    mmcv: Any = importlib.import_module("annotator.uniformer.mmcv")
    models: Any = importlib.import_module("annotator.uniformer.mmseg.models")
    place = folder / "annotator" / "uniformer" / "exp" / "upernet_global_small" / "config.py"
    config = mmcv.Config.fromfile(str(place))
    config.model.pretrained = config.model.train_cfg = None
    network = lively(models.build_segmentor(config.model, test_cfg=config.get("test_cfg")))
    ours = built(Ours, weights(network), "", "UniFormer")
    found = 0.0
    for size in ((64, 96), (70, 101)):
        images = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            found = max(found, apart(network.decode_head(network.extract_feat(images)), ours(images)))
    return {"network": found}


def dsine(folder: Path) -> dict[str, float]:
    """Their own way from a photo to normals (projects/dsine/test_minimal.py), on a processor."""
    from labelyard.generate.steps.normal.dsine import Dsine

    for name in ("models", "models.dsine", "utils"):  # there is a utils at the top of this repository, too
        package(name, folder.joinpath(*name.split(".")))
    v02: Any = importlib.import_module("models.dsine.v02")
    submodules: Any = importlib.import_module("models.conv_encoder_decoder.submodules")
    util: Any = importlib.import_module("utils.utils")
    projection: Any = importlib.import_module("utils.projection")
    places, encoder = v02.get_pixel_coords, submodules.Encoder
    v02.get_pixel_coords = lambda **size: types.SimpleNamespace(to=lambda _: places(**size))  # there is no GPU
    v02.Encoder = lambda B, pretrained: encoder(B=B, pretrained=False)
    said = "output_dim=3 feature_dim=64 hidden_dim=64 encoder_B=5 decoder_NF=2048 decoder_BN=0 learned_upsampling=1"
    more = "prop_ps=5 num_iter_train=5 num_iter_test=5 ray_relu=1"
    options = {f"NNET_{one}" for one in (*said.split(), "decoder_down=8")} | {f"NRN_{one}" for one in more.split()}
    numbers = {name: int(value) for name, _, value in (one.partition("=") for one in options)}
    network = lively(v02.DSINE_v02(types.SimpleNamespace(**numbers)))
    found = {"network": 0.0, "pictures": 0.0}
    with tempfile.TemporaryDirectory() as place:
        checkpoint = Path(place) / "dsine.pt"
        torch.save({"model": network.state_dict(), "iter": 1}, checkpoint)
        step = Dsine(repo=str(folder), checkpoint=str(checkpoint))
        step.setup("cpu")
    assert sys.modules["models.dsine.v02"] is v02  # what was there is there again
    heard: list[Any] = []
    answers = step.loaded.normals

    def listened(*given: Any) -> Any:
        heard.append(answers(*given))
        return heard[-1]

    step.loaded.normals = listened
    for name, (width, height) in zip(PHOTOS, ((96, 64), (100, 77), (45, 129)), strict=True):
        record = photo(name, (width, height))
        step([record])
        image = torch.from_numpy(np.array(record.image).astype(np.float32) / 255).permute(2, 0, 1)[None]
        left, right, top, bottom = util.get_padding(height, width)
        framed = torch.nn.functional.pad(image, (left, right, top, bottom), mode="constant", value=0.0)
        mean, spread = (torch.tensor(three)[:, None, None] for three in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        cameras = projection.intrins_from_fov(new_fov=60.0, H=height, W=width)[None]
        cameras[:, 0, 2] += left
        cameras[:, 1, 2] += top
        with torch.no_grad():
            theirs = network((framed - mean) / spread, intrins=cameras)[-1]
        found["network"] = max(found["network"], apart(theirs, heard.pop()))
        theirs = theirs[0, :, top : top + height, left : left + width].permute(1, 2, 0).numpy()
        drawn = (((theirs + 1) * 0.5) * 255).astype(np.uint8)  # cut off, where ours is rounded
        found["pictures"] = max(found["pictures"], apart(drawn, record.images["normal"].image))
        assert drawn.std() > 10
    return found


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))
