"""The command line: arguments -> one command. Each command imports what it needs, and only that."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from grader import __version__, streams
from grader.errors import DEBUG, STOPPED, UNREAD, KitError, explained, is_debugging
from grader.names import did_you_mean

_NO_CHOICE = re.compile(
    r"argument (?P<kind>\w+): invalid choice: '(?P<word>.*)' \(choose from (?P<known>.*)\)", re.DOTALL
)

EXPORT_FORMATS = (
    "canvas",
    "moodle",
    "nbgrader",
    "junit",
    "exercism",
    "gradescope",
    "gradescope-results",
    "github",
    "github-workflow",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    streams.prepare()
    code = _without_traceback(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = UNREAD
    except OSError as error:
        code = _complain("", KitError(f"the output cannot be written: {error.strerror}"))
    else:
        return code
    streams.abandon(sys.stdout)
    return code


def _without_traceback(arguments: Sequence[str] | None) -> int:
    """The command's exit code, whatever is raised on the way."""
    name = ""
    try:
        options = _options(arguments)
        name = options.command
        if options.debug:
            os.environ[DEBUG] = "1"
        with contextlib.nullcontext() if is_debugging() else _quiet():
            code: int = importlib.import_module(f"grader.commands.{name}").run(options)
    except SystemExit as leaving:  # argparse has said what it had to say
        return leaving.code if isinstance(leaving.code, int) else 0
    except KeyboardInterrupt:
        return _complain(name, KitError("stopped", exit_code=STOPPED))
    except BrokenPipeError:
        return UNREAD
    except Exception as error:
        if is_debugging() and not isinstance(error, KitError):
            traceback.print_exc()
        return _complain(name, explained(error))
    return code


@contextmanager
def _quiet() -> Iterator[None]:
    """What libraries say to programmers does not reach the person at the terminal."""
    hooks = sys.unraisablehook, threading.excepthook
    sys.unraisablehook = lambda _: None
    threading.excepthook = lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.unraisablehook, threading.excepthook = hooks


def _complain(command: str, error: KitError) -> int:
    """Says on standard error what went wrong; returns the exit code."""
    who = f"grader {command}" if command else "grader"
    with contextlib.suppress(OSError):
        print(f"{who}: {streams.without_controls(str(error))}", file=sys.stderr, flush=True)
    return error.exit_code


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was typed. Exits with 2 where that is no command of the kit, and names what is near."""
    parser, commands = _parsers()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        command: argparse.ArgumentParser = commands.choices[options.command]
        known = [name for name in command._option_string_actions if name.startswith("--")]
        nearest = did_you_mean(unknown[0].partition("=")[0], known)
        command.error(f"{options.command} does not know what to do with {' '.join(unknown)}{nearest}")
    return options


class _Parser(argparse.ArgumentParser):
    """Names what is near where a command or a format does not exist."""

    def error(self, message: str) -> NoReturn:
        if wrong := _NO_CHOICE.fullmatch(message):
            known = [word.strip(" '\"") for word in wrong["known"].split(",")]
            nearest = did_you_mean(wrong["word"], known)
            message = f"there is no {wrong['kind'].lower()} {wrong['word']}{nearest}\n  there are: {', '.join(known)}"
        super().error(message)


def _parsers() -> tuple[argparse.ArgumentParser, Any]:
    """Of the whole command line, and of each command."""
    parser = _Parser(
        prog="grader",
        description="Backpropagation by hand: checks your gradients, grades a class.",
        epilog="`make help` lists the same as make targets.",
    )
    parser.add_argument("--version", action="version", version=f"grader {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an unexpected error, and warnings")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="check your own answers, or single steps of them")
    check.add_argument(
        "what",
        nargs="*",
        metavar="PATH|STEP",
        help="a folder or .py file (default: exercises/mlp), and steps: dprobs, "
        "ex2_cross_entropy.dlogits, or an exercise's name",
    )
    check.add_argument("--all", action="store_true", help="every step and every message, not only the first few")
    check.add_argument("--json", action="store_true", help="print the object of results.json")
    check.add_argument(
        "--verbose", action="store_true", help="for instructors: every case, and the nearest mend of what is wrong"
    )
    _lesson_option(check)

    grade = commands.add_parser("grade", help="grade every submission under the paths")
    grade.add_argument("paths", nargs="+", metavar="PATH", help="folders, zip archives or files of submissions")
    grade.add_argument("--out", default="grades", metavar="DIR", help="where results go (default: grades)")
    grade.add_argument("--jobs", type=_at_least_one, metavar="N", help="judges at work at once (default: one a core)")
    grade.add_argument(
        "--seed", type=_at_least_zero, metavar="S", help="draws the cases (default: a new one a DIR, kept there)"
    )
    grade.add_argument(
        "--cluster", metavar="ADDRESS", help="judge on the workers of this Dask scheduler, such as tcp://host:8786"
    )
    grade.add_argument("--regrade", action="store_true", help="grade every submission again, also unchanged ones")
    grade.add_argument("--no-mends", action="store_true", help="do not look for the nearest mend of wrong steps")
    grade.add_argument(
        "--require-isolation",
        action="store_true",
        help="refuse to run where student code cannot be closed off by every layer (see doctor)",
    )
    _each_options(grade)
    grade.add_argument(
        "--roster", metavar="CSV", help="the host's list of students: who handed in nothing gets a row, too"
    )
    _lesson_option(grade)

    hint = commands.add_parser(
        "hint", help="a hint for one step, in three levels, on your own answer where there is one"
    )
    hint.add_argument("step", metavar="STEP")
    hint.add_argument("path", nargs="?", metavar="PATH", help="whose answer (default: the lesson's own folder)")
    hint.add_argument(
        "--level",
        type=_at_least_one,
        default=1,
        metavar="N",
        help="1 your mistake and a question, 2 the rule, 3 nearly the line",
    )
    _lesson_option(hint)

    explain = commands.add_parser("explain", help="the solution of a step and why it is so, once yours is right")
    explain.add_argument("step", metavar="STEP")
    explain.add_argument("path", nargs="?", metavar="PATH", help="whose answer (default: the lesson's own folder)")
    _lesson_option(explain)

    watch = commands.add_parser("watch", help="check again on every save, and show the result in place")
    watch.add_argument("path", nargs="?", metavar="PATH", help="the answers (default: the lesson's own folder)")
    _lesson_option(watch)

    train = commands.add_parser("train", help="train the network with your own backward pass")
    train.add_argument("path", nargs="?", metavar="PATH", help="whose answers (default: the lesson's own folder)")
    train.add_argument("--names", default=None, metavar="FILE", help="the data (default: data/names.txt)")
    train.add_argument("--steps", type=_at_least_one, default=200_000, metavar="N")
    train.add_argument("--out", default="runs", metavar="DIR", help="checkpoint and loss curve (default: runs)")
    _lesson_option(train)

    drawn = commands.add_parser("map", help="draw the network's graph, with somebody's verdicts if you like")
    drawn.add_argument("path", nargs="?", metavar="PATH", help="whose verdicts (default: nobody's)")
    drawn.add_argument("--out", default="map.html", metavar="FILE", help="an .html or .svg file (default: map.html)")
    _lesson_option(drawn)

    lesson = commands.add_parser("lesson", help="cut the exercises from the solutions, and verify the lesson")
    lesson.add_argument("--check", action="store_true", help="write nothing; fail if the exercises differ")
    _lesson_option(lesson)

    _export_parser(commands.add_parser("export", help="results for gradebooks, or what makes a host run the kit"))

    copies = commands.add_parser("copies", help="which submissions look alike: a list to look at, no verdict")
    copies.add_argument("paths", nargs="+", metavar="PATH", help="folders of submissions")
    copies.add_argument("--out", default="copies.html", metavar="FILE", help="the page (default: copies.html)")
    copies.add_argument("--pairs", type=_at_least_one, default=20, metavar="N", help="how many (default: 20)")
    _each_options(copies)
    _lesson_option(copies)
    release = commands.add_parser("release", help="the zip for students: without solutions")
    release.add_argument("--out", default="dist", metavar="DIR|ZIP", help="where the zip goes (default: into dist)")
    _lesson_option(release)

    commands.add_parser("doctor", help="what this machine has, and what is missing")
    for command in commands.choices.values():  # `grader --debug check` and `grader check --debug`
        command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser, commands


def _export_parser(export: argparse.ArgumentParser) -> None:
    export.add_argument("format", choices=EXPORT_FORMATS, metavar="FORMAT", help=", ".join(EXPORT_FORMATS))
    export.add_argument(
        "results", nargs="?", default="grades", metavar="RESULTS", help="DIR of a class run, or one results.json"
    )
    export.add_argument("--out", metavar="FILE", help="where it goes (default: into RESULTS, under a name of its own)")
    export.add_argument("--roster", metavar="CSV", help="what the host exported: canvas, moodle; nbgrader if you like")
    export.add_argument("--column", metavar="C", help="the assignment's column in the roster (default: the only one)")
    export.add_argument("--rescale", action="store_true", help="make 100 %% of these points 100 %% of the host's")
    export.add_argument("--overwrite", action="store_true", help="replace scores that the roster already holds")
    export.add_argument("--assignment", metavar="A", help="nbgrader: the assignment's name (default: the lesson's)")
    export.add_argument("--kit", metavar="OWNER/REPO@REF", help="github-workflow: where it finds the kit")
    export.add_argument("--under", default=".", metavar="DIR", help="github: where in the repository the answers are")
    export.add_argument(
        "--seed", type=_at_least_zero, metavar="S", help="draws the cases (default: new ones for each upload or push)"
    )
    _lesson_option(export)


def _each_options(parser: argparse.ArgumentParser) -> None:
    each = parser.add_mutually_exclusive_group()
    each.add_argument(
        "--each-path",
        dest="each",
        action="store_const",
        const="path",
        help="every PATH is one student, whatever lies in it",
    )
    each.add_argument(
        "--each-folder",
        dest="each",
        action="store_const",
        const="folder",
        help="every folder directly below PATH is one student, whatever any host's names say",
    )
    each.add_argument(
        "--each-file",
        dest="each",
        action="store_const",
        const="file",
        help="every .py, .ipynb and archive directly below PATH is one student",
    )


def _lesson_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lesson", metavar="L", help="a lesson's name or folder (default: mlp)")


def _at_least_one(text: str) -> int:
    return _whole(text, 1)


def _at_least_zero(text: str) -> int:
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
    return value
