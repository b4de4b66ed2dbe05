"""`compile: true`: a step's heaviest module by torch.compile, for batches of one shape.

Of the workers of a node one compiles at a time, and the others find what it made in inductor's cache: that lies in
TORCHINDUCTOR_CACHE_DIR, or in the node's temporary folder. Digits differ from those of the module as it was, so this is
an ordinary setting, and a compiler that is missing ends the worker instead of computing without.
"""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labelyard.generate.errors import FatalError
from labelyard.utils.text import one_line

_gone: list[None] = []  # one for each compiled module that is no more
SHAPES = 64  # that a module may be compiled for: batches halve when memory runs out


def check_compile(wanted: bool, backend: str) -> None:
    """For a step's `__post_init__`."""
    if wanted and backend != "port":
        raise ValueError(f"compile=true: backend={backend} is computed as its authors do; use backend=port")


def compile_in_place(module: Any) -> None:
    """It is compiled when it is first called with a shape."""
    import torch

    if not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++", "gcc", "clang")):
        raise FatalError("compile=true: there is no C++ compiler on this machine; install g++, or use compile=false")
    _forget_the_gone()
    torch._dynamo.config.recompile_limit = SHAPES

    def compiled(graph: Any, inputs: list[Any]) -> Any:
        inductor = torch._dynamo.lookup_backend("inductor")
        with one_at_a_time():
            try:
                return inductor(graph, inputs)
            except Exception as error:
                cause = one_line(f"{type(error).__name__}: {error}", 300)
                raise FatalError(f"compile=true: torch can't compile it here ({cause}); use compile=false") from error

    module.compile(backend=compiled, dynamic=False)
    weakref.finalize(module, _gone.append, None).atexit = False


def _forget_the_gone() -> None:
    """Staged steps let go of a module and load it again, for each flight. What was compiled for the last one would
    count against the limit, beyond which torch goes on without compiling, in other digits.

    Here and not when the module goes: then another may be under way, and torch does not survive that.
    """
    import torch

    gc.collect()  # modules refer to themselves
    if _gone:
        _gone.clear()
        torch._dynamo.reset()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Of this user's processes on this node."""
    path = Path(tempfile.gettempdir()) / f"labelyard-compile-{os.getuid()}.lock"
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
