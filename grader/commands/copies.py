"""`grader copies PATH...`: which submissions look alike, for an instructor to look at."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from grader.copies.compare import Pair, Source, most_alike
from grader.copies.page import copies_page
from grader.copies.read import given_hashes, sources_of
from grader.errors import KitError
from grader.lesson import find_lesson, load_lesson
from grader.report.terminal import make_console, one_line
from grader.results.store import write_atomically
from grader.run.bounded import Bounded
from grader.run.filled import look_within
from grader.submission.find import Submission, find_submissions
from grader.wording import counted

_SHOWN = 10  # pairs in the terminal; the page has all that were asked for


def run(options: argparse.Namespace) -> int:
    """0 if the list was written. It is a list and no verdict, so what is in it changes no exit code."""
    console = make_console()
    lesson = load_lesson(find_lesson(options.lesson))
    paths = [Path(path) for path in options.paths]
    with (
        Bounded(lesson.folder) as bounded,
        find_submissions(paths, lesson, look=look_within(bounded), each=options.each) as found,
    ):  # archives are unpacked only meanwhile
        sources, left_out = sources_of(found.submissions, partial(_source, bounded))
    for one in left_out:
        console.print(f"{one_line(one.name)} was left out: {one_line(one.reason)}", markup=False, soft_wrap=True)
    if len(sources) < 2:
        raise KitError(
            f"{counted(len(sources), 'submission')} under {', '.join(options.paths)}; it takes two to be alike",
            mend="give the folder or the archive of the whole class",
        )
    pairs = most_alike(sources, given_hashes(lesson), options.pairs)
    write_atomically(Path(options.out), copies_page(pairs, len(sources), lesson))
    for pair in pairs[:_SHOWN]:
        console.print(_line(pair), markup=False)
    console.print(f"wrote {options.out}: {counted(len(pairs), 'pair')} to look at, most alike first; no verdict")
    return 0


def _source(bounded: Bounded, submission: Submission) -> Source:
    """One submission, read where it can cost only itself."""
    return bounded.ask("source", [submission.name, *map(str, submission.all_files())], Source)


def _line(pair: Pair) -> str:
    return f"{100 * pair.score:3.0f} %  {one_line(pair.left.name)}  {one_line(pair.right.name)}"
