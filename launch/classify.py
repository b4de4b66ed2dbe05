"""A classifier trained on labels, to see whether labels and split are right.

    python launch/classify.py --model supervised --dataset pets --epochs 100
    python launch/classify.py --model ViT-16 --dataset caltech --steps 300
    python launch/classify.py --model supervised --dataset runs/mine --epochs 5
    torchrun --nproc-per-node 8 launch/classify.py --dataset pets --epochs 100

    --model          supervised (ResNet-50), ViT-16, or any checkpoint
    --dataset        pets, caltech, a folder of classes, or a run: its first tags
    --data_root DIR  where the dataset lies     --labels KEY  species of pets
    --epochs N, or --steps N as the original has them: single steps
    --batch-size 256 --image-size 224 --lr … --no-da --no-norm --device cuda
    --output DIR     checkpoint.pt and result.json; runs/classify-… by default

The same command goes on from its checkpoint, and comes to the same accuracy.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE
from labelyard.launch.program import parser, program
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

MODELS = {"supervised": "microsoft/resnet-50", "ViT-16": "google/vit-base-patch16-224-in21k"}
RATES = {False: 0.01, True: 1e-4}  # of a transformer or not


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. See {call('classify')} --help")


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__, Parser, usage="%(prog)s …")
    hidden: dict[str, Any] = {"help": argparse.SUPPRESS}
    asking.add_argument("-m", "--model", default="supervised", **hidden)
    asking.add_argument("-d", "--dataset", default="pets", **hidden)
    asking.add_argument("-b", "--batch-size", type=int, default=256, **hidden)
    asking.add_argument("-i", "--image-size", type=int, default=224, **hidden)
    asking.add_argument("-s", "--seed", type=int, default=0, **hidden)
    asking.add_argument("--steps", type=int, **hidden)
    asking.add_argument("--epochs", type=int, **hidden)
    asking.add_argument("--lr", type=float, **hidden)
    asking.add_argument("--data_root", **hidden)
    asking.add_argument("--labels", **hidden)
    asking.add_argument("--output", type=Path, **hidden)
    asking.add_argument("--save-every", type=int, default=50, **hidden)
    asking.add_argument("--device", default=None, **hidden)
    asking.add_argument("--no-da", action="store_true", **hidden)
    asking.add_argument("-n", "--no-norm", action="store_true", **hidden)
    return classify(asking.parse_args(arguments))


def classify(chosen: argparse.Namespace) -> int:
    from labelyard.launch.classification.pictures import Framing, divided
    from labelyard.launch.classification.training import Plan, test, train

    if (chosen.steps is None) == (chosen.epochs is None):
        raise UserError("give --epochs or --steps, one of them")
    counts = [chosen.steps, chosen.epochs, chosen.batch_size, chosen.image_size, chosen.save_every]
    if min(count for count in counts if count is not None) < 1:
        raise UserError("--epochs, --steps, --batch-size, --image-size and --save-every are 1 or more")
    data = divided(chosen.dataset, chosen.data_root, chosen.labels)
    model = MODELS.get(chosen.model, chosen.model)
    steps = chosen.steps or chosen.epochs * (len(data.train) // min(chosen.batch_size, len(data.train)))
    plan = Plan(model, steps, chosen.batch_size, 0.0, chosen.seed, device(chosen.device), chosen.save_every)
    plan = Plan(**{**vars(plan), "rate": chosen.lr or RATES[plan.is_transformer]})
    name = re.sub(r"[^\w.-]+", "_", f"{Path(chosen.dataset).name}-{Path(chosen.model).name}")
    place = chosen.output or Path("runs") / f"classify-{name}"
    framing = Framing(chosen.image_size, not chosen.no_norm, not chosen.no_da, chosen.seed)
    place.mkdir(parents=True, exist_ok=True)
    print(
        f"{len(data.train)} pictures of {len(data.classes)} classes for training, {len(data.test)} for the test",
        flush=True,
    )
    network = train(plan, data, framing, place, lambda line: print(line, flush=True))
    found = test(plan, network, data, framing)
    tell(found.accuracy, found.mean_per_class, found.per_class, place)
    return DONE


def device(wanted: str | None) -> str:
    import os

    import torch

    if wanted not in (None, "cuda"):
        return str(wanted)
    if not torch.cuda.is_available():
        if wanted == "cuda":
            raise UserError("--device cuda: torch sees no GPU here. Give --device cpu")
        return "cpu"
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return "cuda"


def tell(accuracy: float, mean: float, per_class: dict[str, float], place: Path) -> None:
    import json
    import os

    from labelyard.utils.atomic import write_atomic

    if os.environ.get("RANK", "0") != "0":
        return
    facts = {"accuracy": accuracy, "mean_per_class": mean, "per_class": per_class}
    write_atomic(place / "result.json", json.dumps(facts, indent=1, ensure_ascii=False).encode())
    print(f"accuracy {100 * accuracy:.2f} %, mean over classes {100 * mean:.2f} %; {place / 'result.json'}")


if __name__ == "__main__":
    sys.exit(main())
