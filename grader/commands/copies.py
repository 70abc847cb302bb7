"""`grader copies PATH...`: which submissions look alike, for an instructor to look at."""

from __future__ import annotations

import argparse
from pathlib import Path

from grader.copies.compare import Pair, most_alike
from grader.copies.page import copies_page
from grader.copies.read import given_hashes, source_of
from grader.errors import KitError
from grader.lesson import find_lesson, load_lesson
from grader.report.terminal import make_console, one_line
from grader.results.store import write_atomically
from grader.submission.find import find_submissions

_SHOWN = 10  # pairs in the terminal; the page has all that were asked for


def run(options: argparse.Namespace) -> int:
    """0 if the list was written. It is a list and no verdict, so what is in it changes no exit code."""
    console = make_console()
    lesson = load_lesson(find_lesson(options.lesson))
    with find_submissions(
        [Path(path) for path in options.paths], lesson, each=options.each
    ) as found:  # unpacked only meanwhile
        sources = [source_of(submission, lesson) for submission in found.submissions]
    if len(sources) < 2:
        raise KitError(
            f"{len(sources)} submissions under {', '.join(options.paths)}; it takes two to be alike",
            mend="give the folder or the archive of the whole class",
        )
    pairs = most_alike(sources, given_hashes(lesson), options.pairs)
    write_atomically(Path(options.out), copies_page(pairs, len(sources), lesson))
    for pair in pairs[:_SHOWN]:
        console.print(_line(pair), markup=False, soft_wrap=True)
    console.print(f"wrote {options.out}: {len(pairs)} pairs to look at, most alike first; no verdict", soft_wrap=True)
    return 0


def _line(pair: Pair) -> str:
    return f"{100 * pair.score:3.0f} %  {one_line(pair.left.name)}  {one_line(pair.right.name)}"
