"""DSINE by its authors' own code, out of a checkout of theirs.

Its licence allows research alone, and no copy; so nothing of it is here: the user names the checkout, and its network
is built with what one of its experiments says.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.tools.weights import read_state_dict
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    from torch import Tensor

WHERE = "git clone https://github.com/baegwangbin/DSINE"
EXPERIMENTS = Path("projects", "dsine", "experiments")
PACKAGES = ("models", "models.dsine", "models.conv_encoder_decoder", "utils")  # of the checkout, as it calls them
# What an experiment does not say.
USUAL: Mapping[str, Any] = {
    "NNET_architecture": "v02",
    "NNET_output_dim": 3,
    "NNET_output_type": "R",
    "NNET_feature_dim": 64,
    "NNET_hidden_dim": 64,
    "NNET_encoder_B": 5,
    "NNET_decoder_NF": 2048,
    "NNET_decoder_BN": False,
    "NNET_decoder_down": 8,
    "NNET_learned_upsampling": False,
    "NRN_prop_ps": 5,
    "NRN_num_iter_train": 5,
    "NRN_num_iter_test": 5,
    "NRN_ray_relu": False,
}


def load(repo: Path, experiment: str, checkpoint: str, device: str) -> Callable[[Tensor, Tensor], Tensor]:
    """(pictures, cameras: 3 x 3 each) -> normals: pictures x 3 x height x width."""
    settings = settings_of(repo, experiment)
    state = read_state_dict(checkpoint)
    with _packages_of(repo):
        network = _built(repo, settings, device)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise FatalError(
            f"checkpoint={checkpoint}: not of experiment={experiment} ({one_line(str(error), 160)}); give the "
            "experiment that it was made by"
        ) from error
    network = network.requires_grad_(False).eval().to(device)

    def normals(pictures: Tensor, cameras: Tensor) -> Tensor:
        found: Tensor = network(pictures, intrins=cameras.clone())[-1]  # it changes the cameras
        return found[:, :3]  # what follows is how sure it is

    return normals


def settings_of(repo: Path, experiment: str) -> dict[str, Any]:
    """An experiment is a text of words: --NAME VALUE, or --NAME alone."""
    path = repo / EXPERIMENTS / f"{experiment}.txt"
    try:
        words = path.read_text(encoding="utf-8").split()
    except OSError as error:
        there = sorted(str(one.relative_to(repo / EXPERIMENTS))[:-4] for one in (repo / EXPERIMENTS).glob("*/*.txt"))
        known = f"it has {', '.join(there)}" if there else f"is {repo} a checkout of DSINE ({WHERE})?"
        raise FatalError(f"experiment={experiment}: {path} can't be read; {known}") from error
    found = dict(USUAL)
    for word, after in zip(words, [*words[1:], "--"], strict=True):
        if word.startswith("--") and word[2:] in USUAL:
            found[word[2:]] = True if after.startswith("--") else int(after) if after.isdigit() else after
    return found


def _built(repo: Path, settings: Mapping[str, Any], device: str) -> Any:
    """Its encoder would be fetched from the internet first, though the checkpoint has it, too; and a table of places
    would go to a GPU whether there is one or not."""
    version = settings["NNET_architecture"]
    try:
        module = importlib.import_module(f"models.dsine.{version}")
        network = getattr(module, f"DSINE_{version}")
    except (ImportError, AttributeError) as error:
        reason = one_line(f"{type(error).__name__}: {error}", 160)
        raise FatalError(
            f"repo={repo}: its models/dsine/{version}.py can't be imported ({reason}); it needs geffnet, and is {WHERE}"
        ) from error
    own = vars(module)
    if "Encoder" in own:
        encoder = own["Encoder"]
        own["Encoder"] = lambda B, **_: encoder(B=B, pretrained=False)
    if "get_pixel_coords" in own:
        places = own["get_pixel_coords"]
        own["get_pixel_coords"] = lambda **size: SimpleNamespace(to=lambda _: places(**size).to(device))
    return network(SimpleNamespace(**settings))


@contextmanager
def _packages_of(repo: Path) -> Iterator[None]:
    """They are called models and utils, as others' are: put in the place of those while they are imported."""
    tops = {name.partition(".")[0] for name in PACKAGES}
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in tops}
    for name in PACKAGES:
        package = ModuleType(name)
        package.__path__ = [str(repo.joinpath(*name.split(".")))]
        sys.modules[name] = package
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
            del sys.modules[name]
        sys.modules.update(before)
