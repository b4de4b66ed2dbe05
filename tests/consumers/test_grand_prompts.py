"""GLaMM's own prompts, as its own code puts them together, and as they are read out of its files."""

from __future__ import annotations

import subprocess
import sys

import pytest

from labelyard.generate.steps.text.glamm import PLACES, prompt_in
from tests.consumers.checkouts import checkout

PROGRAM = "import sys; sys.path.insert(0, '.'); import {module} as m; sys.stdout.write(m.{function}('THE SCENE'))"


@pytest.mark.slow
@pytest.mark.parametrize(("task", "length"), [("dense", 4710), ("context", 3023)])
def test_they_are_the_same(task: str, length: int) -> None:
    glamm, place = checkout("GLaMM"), PLACES[task]
    program = PROGRAM.format(module=place.file.removesuffix(".py"), function=place.function)
    folder = glamm / "GranD" / place.folder
    theirs = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    ours = prompt_in(glamm, task).format(scene="THE SCENE")
    assert ours == theirs.stdout and len(ours) - len("THE SCENE") == length - len("SCENE")
