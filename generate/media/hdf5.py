"""Images in a file of MATLAB (7.3) or another in HDF5: one row of a dataset, whose axes MATLAB has the other way
round."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError
from labelyard.utils.errors import UserError
from labelyard.utils.images import encode_png

if TYPE_CHECKING:
    from numpy.typing import NDArray

LACKING = "HDF5 files need the package h5py. Try: pip install -e '.[formats]'"
MILLI = 1000
_lock = threading.Lock()
_opened: dict[Path, Any] = {}


def opened(path: Path) -> Any:
    """For planning; the caller closes it."""
    try:
        import h5py
    except ImportError:
        raise UserError(LACKING) from None
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path} can't be read as HDF5 (of MATLAB 7.3): {error}") from None


def row(path: Path, name: str, number: int) -> NDArray[Any]:
    """As MATLAB's user sees it: rows first. OSError, KeyError or IndexError where it is not there."""
    try:
        import h5py
    except ImportError:
        raise FatalError(LACKING) from None
    with _lock:
        if path not in _opened:
            _opened.clear()
            _opened[path] = h5py.File(path, "r")
        found: NDArray[Any] = _opened[path][name][number].T
    return found


def image(path: Path, name: str, number: int) -> bytes:
    """As a PNG: colours as they are; whole numbers as they are; others in thousandths, with 0 for none."""
    return encode_png(_picture(row(path, name, number)))


def _picture(found: NDArray[Any]) -> Any:
    import numpy as np
    from PIL import Image

    if found.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            found = np.clip(np.nan_to_num(np.rint(found * MILLI)), 0, 65535).astype(np.uint16)
    return Image.fromarray(np.ascontiguousarray(found))


def texts(path: Path, name: str) -> list[str]:
    """A dataset of references to texts, as MATLAB keeps a list of them."""
    with opened(path) as file:
        return ["".join(map(chr, file[reference][:].ravel())) for reference in file[name][:].ravel()]
