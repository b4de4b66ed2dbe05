"""A small BERT vocabulary in which the ids that GroundingDINO hard-codes are the ones they are in the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = """
a an the of on in and photo person people man woman dog cat hot bus car truck fire train tree roof building
temple sky water flower leaf rocket cup coffee spoon table plate astronaut flag helmet street light traffic window door
red blue green black white big small two orange kitchen room wall stairs palace pagoda tower face eye ear whisker
""".split()  # noqa: SIM905
FIXED = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1010: ",", 1012: ".", 1029: "?"}
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
SIZE = 1400


def write_tokenizer(folder: Path) -> Any:
    """The tokenizer, saved in `folder`. It reads any latin text: words it lacks go letter by letter."""
    import transformers

    words = [*WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS), *"()[]{}-_'\"/\\!:;&+*#@<>|~"]
    pieces = iter(dict.fromkeys(words))
    entries = [FIXED.get(i) or next(pieces, f"[unused{i}]") for i in range(SIZE)]
    folder.mkdir(parents=True, exist_ok=True)
    # transformers 5 ignores BertTokenizerFast(vocab_file=…); both versions read the file from a folder.
    (folder / "vocab.txt").write_text("\n".join(entries), encoding="utf-8")
    ports: Any = transformers
    tokenizer = ports.BertTokenizerFast.from_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return tokenizer
