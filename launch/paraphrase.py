"""Sentences for the export instructcv in other words, once for all samples.

    python launch/paraphrase.py DIR OUT
    python launch/paraphrase.py own OUT --number 5 --sample
    python launch/paraphrase.py DIR OUT --backend transformers \\
        checkpoint=Qwen/Qwen2.5-7B-Instruct

DIR holds det.txt, seg.txt, …, a sentence per line, with % for the class, %s for
several of it, * and # for the two colours of cls; own: those of Labelyard. OUT gets
files of the same names: each sentence, and up to --number others behind it. One that
lost a place, or has it twice, is dropped and counted. Then:

    python launch/export.py RUN instructcv image_pairs templates=OUT

    --model NAME    a model made for paraphrasing (t5); or
    --backend NAME  a language model: transformers, openai, vllm; its settings are
                    key=value, as those of a step: checkpoint=, temperature=, …
    --sample        draw sentences, by --seed, instead of taking the likeliest
    --device cuda   where it runs

Files that are there are left as they are: the same command goes on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE
from labelyard.launch.program import parser, program
from labelyard.utils.atomic import write_atomic
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

if TYPE_CHECKING:
    from labelyard.launch.pairs.paraphrases import Reworder

MODEL = "humarin/chatgpt_paraphraser_on_T5_base"
OWN = "own"


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. Try: {call('paraphrase')} {OWN} OUT")


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__, Parser, usage="%(prog)s DIR OUT …")
    asking.add_argument("templates", help=argparse.SUPPRESS)
    asking.add_argument("out", type=Path, help=argparse.SUPPRESS)
    asking.add_argument("--model", default=MODEL, help=argparse.SUPPRESS)
    asking.add_argument("--backend", choices=("transformers", "openai", "vllm", "auto"), help=argparse.SUPPRESS)
    asking.add_argument("--number", type=int, default=20, help=argparse.SUPPRESS)
    asking.add_argument("--sample", action="store_true", help=argparse.SUPPRESS)
    asking.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    asking.add_argument("--device", default="cpu", help=argparse.SUPPRESS)
    asking.add_argument("settings", nargs="*", help=argparse.SUPPRESS)
    return paraphrase(asking.parse_intermixed_args(arguments))


def paraphrase(chosen: argparse.Namespace) -> int:
    from labelyard.generate.exporters.instructcv.templates import WORDS, templates
    from labelyard.launch.pairs.paraphrases import reworded

    if chosen.number < 1:
        raise UserError(f"--number {chosen.number}: give 1 or more")
    given = templates(None if chosen.templates == OWN else chosen.templates)
    folder = None if chosen.templates == OWN else Path(chosen.templates)
    words = [word for word in WORDS if folder is None or (folder / f"{word}.txt").is_file()]
    if not words:
        raise UserError(f"{folder} has none of {', '.join(f'{word}.txt' for word in WORDS)}")
    waiting = [word for word in words if not (chosen.out / f"{word}.txt").exists()]
    reword = model_of(chosen) if waiting else None
    chosen.out.mkdir(parents=True, exist_ok=True)
    for word in words:
        path = chosen.out / f"{word}.txt"
        if word not in waiting or reword is None:
            print(f"{word}.txt is there")
            continue
        found = reworded(given[word], word, chosen.number, reword)
        write_atomic(path, "".join(f"{line}\n" for line in found.lines).encode())
        dropped = ", ".join(f"{number} {why}" for why, number in found.dropped.most_common()) or "none"
        print(f"{word}.txt: {len(given[word])} sentences became {len(found.lines)}; dropped: {dropped}", flush=True)
    return DONE


def model_of(chosen: argparse.Namespace) -> Reworder:
    from labelyard.launch.pairs.paraphrases import by_chat, by_t5

    if chosen.backend is None:
        if chosen.settings:
            raise UserError(f"{chosen.settings[0]}: settings are for --backend; of --model there are none")
        if chosen.model[:1] in "./~" and not Path(chosen.model).expanduser().is_dir():
            raise UserError(f"--model {chosen.model}: there is no such folder (looked in {Path.cwd()})")
        try:
            return by_t5(chosen.model, chosen.device, chosen.sample, chosen.seed)
        except (OSError, ValueError) as error:
            raise UserError(f"--model {chosen.model} can't be loaded: {str(error).splitlines()[0]}") from None
    settings: dict[str, Any] = {"backend": chosen.backend, "seed": chosen.seed, **typed(chosen.settings)}
    if "checkpoint" not in settings:
        raise UserError(f"--backend {chosen.backend}: which model? Give checkpoint=…")
    return by_chat(settings, chosen.device)


def typed(settings: list[str]) -> dict[str, Any]:
    import yaml

    found = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"{text}: settings are key=value")
        found[key] = yaml.safe_load(value)
    return found


if __name__ == "__main__":
    sys.exit(main())
