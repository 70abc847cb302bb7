"""The command line: arguments -> one command. Each command imports what it needs, and only that."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from grader import __version__
from grader.errors import KIT_FAULT, STOPPED, KitError

_COMMANDS = ("check", "grade", "hint", "train", "lesson", "doctor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        command = importlib.import_module(f"grader.commands.{options.command}")
        code: int = command.run(options)
    except KitError as error:
        print(f"grader {options.command}: {error}", file=sys.stderr)
        return error.exit_code
    except ImportError as error:
        print(f"grader {options.command}: {error}\n  make setup installs what is missing", file=sys.stderr)
        return KIT_FAULT
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grader",
        description="Backpropagation by hand: checks your gradients, grades a class.",
        epilog="`make help` lists the same as make targets.",
    )
    parser.add_argument("--version", action="version", version=f"grader {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="check your own answers, or single steps of them")
    check.add_argument(
        "what",
        nargs="*",
        metavar="PATH|STEP",
        help="a folder or .py file (default: exercises/mlp), and steps: dprobs, "
        "ex2_cross_entropy.dlogits, or an exercise's name",
    )
    check.add_argument("--json", action="store_true", help="print the object of results.json")
    check.add_argument(
        "--verbose", action="store_true", help="for instructors: every case, and the nearest mend of what is wrong"
    )
    _lesson_option(check)

    grade = commands.add_parser("grade", help="grade every submission under the paths")
    grade.add_argument("paths", nargs="+", metavar="PATH", help="folders or .py files of submissions")
    grade.add_argument("--out", default="grades", metavar="DIR", help="where results go (default: grades)")
    grade.add_argument("--jobs", type=_at_least_one, metavar="N", help="judges at work at once (default: one a core)")
    grade.add_argument(
        "--seed", type=_at_least_zero, metavar="S", help="draws the cases (default: a new one a DIR, kept there)"
    )
    grade.add_argument("--regrade", action="store_true", help="grade every submission again, also unchanged ones")
    grade.add_argument("--no-mends", action="store_true", help="do not look for the nearest mend of wrong steps")
    grade.add_argument(
        "--require-isolation",
        action="store_true",
        help="refuse to run where student code cannot be closed off by every layer (see doctor)",
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

    train = commands.add_parser("train", help="train the network with your own backward pass")
    train.add_argument("path", nargs="?", metavar="PATH", help="whose answers (default: the lesson's own folder)")
    train.add_argument("--names", default=None, metavar="FILE", help="the data (default: data/names.txt)")
    train.add_argument("--steps", type=_at_least_one, default=200_000, metavar="N")
    train.add_argument("--out", default="runs", metavar="DIR", help="checkpoint and loss curve (default: runs)")
    _lesson_option(train)

    lesson = commands.add_parser("lesson", help="cut the exercises from the solutions, and verify the lesson")
    lesson.add_argument("--check", action="store_true", help="write nothing; fail if the exercises differ")
    _lesson_option(lesson)

    commands.add_parser("doctor", help="what this machine has, and what is missing")
    return parser


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
