"""lesson.toml + forward.py -> Lesson. Every complaint names the file and the line."""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader.errors import KitError
from grader.lesson.allowed import KEYS, MOST_NUMBERS, RANGE, SIZE, Rule, is_name, said
from grader.lesson.expression import Number, evaluate, whole
from grader.lesson.graph import read_graph
from grader.lesson.model import (
    GRADIENT_PREFIX,
    Case,
    Exercise,
    Input,
    Lesson,
    Limits,
    Range,
    Step,
    Training,
    TrainingPlan,
)
from grader.names import did_you_mean

_TREE = Path(__file__).resolve().parents[2]
_INSTALLED = _TREE / "backprop_kit"  # what an installed kit brings along: grader/lesson/wheel.py
ROOT = _INSTALLED if _INSTALLED.is_dir() else _TREE  # where exercises/ and solutions/ lie
LESSON_FILE = "lesson.toml"
SCHEMA = 1
_NO_TABLE: dict[str, Any] = {}


def find_lesson(lesson: str | None) -> Path:
    """The folder of a lesson given by path or by name; without either, the one that the kit has, or `mlp`."""
    wanted = lesson or default_lesson(ROOT)
    for folder in (Path(wanted), ROOT / "exercises" / wanted, Path("exercises") / wanted):
        if is_lesson(folder):
            return folder
    known = lessons_of(ROOT)
    raise KitError(
        f"there is no lesson {wanted}: no {LESSON_FILE} in {wanted}/ nor in {ROOT.name}/exercises/{wanted}/",
        mend=f"lessons here: {', '.join(known) or 'none; run this in the kit folder'}",
    )


def default_lesson(root: Path) -> str:
    """The name of the lesson that is meant where none is named: the only one below `root`, else `mlp`."""
    known = lessons_of(root)
    return known[0] if len(known) == 1 else "mlp"


def is_lesson(folder: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):  # a name that no file can have
        return (folder / LESSON_FILE).is_file()
    return False


def lessons_of(root: Path) -> list[str]:
    """The names of the lessons in a folder's exercises/."""
    return sorted(path.parent.name for path in (root / "exercises").glob(f"*/{LESSON_FILE}"))


def load_lesson(folder: Path) -> Lesson:
    """Reads and checks a lesson. Raises KitError with file and line."""
    return _Reader(folder / LESSON_FILE).lesson()


@dataclass
class _Reader:
    """One lesson.toml; keeps track of the table that is being read, so that complaints can name lines."""

    file: Path
    start: int = 1  # line of the header of the table that is being read
    steps_read: int = 0

    def lesson(self) -> Lesson:
        raw = self._table("", self._parse(), "")
        for key in ("name", "loss", "sizes", "inputs", "cases", "exercises"):
            if key not in raw:
                raise self._error(f"the key {key} is missing", "")
        if raw.get("schema", SCHEMA) != SCHEMA:
            raise self._error(f"schema {raw['schema']} is not known; this kit reads schema {SCHEMA}", "schema")
        sizes = self._sizes(raw["sizes"])
        inputs = {name: self._input(name, value, sizes, f"inputs.{name}") for name, value in raw["inputs"].items()}
        graph = read_graph(self.file.parent / "forward.py", tuple(inputs), tuple(sizes), raw["loss"])
        known = graph.tensors - {name for name, entry in inputs.items() if entry.is_integer}  # these have no gradient
        notebook = raw.get("notebook", "")
        if notebook and (Path(notebook).name != notebook or not notebook.endswith(".ipynb")):
            raise self._error(f'notebook is "{notebook}"; expected a file name that ends with .ipynb', "notebook")
        exercises = tuple(
            self._exercise(place, value, known, "training" in raw) for place, value in enumerate(raw["exercises"])
        )
        self.start = 1
        self._distinct(exercises)
        if not sum(exercise.max_score for exercise in exercises):
            raise self._error("no step is worth any points", "points")
        cases = tuple(self._case(place, value, sizes, inputs) for place, value in enumerate(raw["cases"]))
        self.start = 1
        if all(case.ties for case in cases):
            raise self._error("there is no case without ties = true, so nothing would be judged", "cases")
        return Lesson(
            folder=self.file.parent,
            name=raw["name"],
            title=raw.get("title", raw["name"]),
            loss=raw["loss"],
            video=raw.get("video", ""),
            sizes=sizes,
            inputs=inputs,
            cases=cases,
            exercises=exercises,
            limits=Limits(**self._section("limits", raw)),
            credit={key: float(value) for key, value in self._section("credit", raw).items()},
            training=self._training(raw["training"], sizes, inputs) if "training" in raw else None,
            graph=graph,
            vocabulary={key: tuple(words) for key, words in self._section("vocabulary", raw).items()},
            notebook=notebook,
        )

    def _parse(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.file.read_text(encoding="utf-8"))
        except OSError as error:
            raise KitError(f"cannot be read: {error.strerror}", where=str(self.file)) from None
        except UnicodeDecodeError:
            raise KitError("is not UTF-8 text", where=str(self.file)) from None
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"at line (\d+)", str(error))
            where = f"{self.file}:{line.group(1)}" if line else str(self.file)
            raise KitError(f"is not TOML: {error}", where=where) from None
        except (ValueError, RecursionError) as error:  # a number of thousands of digits; lists in lists in lists
            raise KitError(f"is not TOML that can be read: {error}", where=str(self.file)) from None

    def _section(self, kind: str, raw: Mapping[str, Any]) -> dict[str, Any]:
        """One of the tables that stand once in the file; empty where it is not there."""
        with self._from(self._header(f"[{kind}]", 0)):
            return self._table(kind, raw.get(kind, _NO_TABLE), kind)

    def _sizes(self, value: Mapping[str, Any], at: str = "sizes") -> dict[str, int]:
        for name, size in value.items():
            self._named(name, at)
            self._check(SIZE, size, f"{at}.{name}", name)
        return dict(value)

    def _input(self, name: str, value: Any, sizes: Mapping[str, int], at: str, base: Input | None = None) -> Input:
        self._named(name, at.rpartition(".")[0])
        if not isinstance(value, dict):
            raise self._error(f'{at} is {said(value)}; expected a table such as {{ shape = ["n"] }}', name)
        with self._from(self._line(name)):
            table = self._table("inputs", value, at)
        if base is None and "shape" not in table:
            raise self._error(f"{at} has no shape", name)
        for key in ("shape", "values"):
            if key in table:
                table[key] = tuple(table[key])
        entry = replace(base, **table) if base else Input(name=name, **table)
        numbers: Number = 1
        for length in entry.shape:
            numbers *= self._value(whole, length, sizes, f"{at}.shape", name)
        if entry.below is not None:
            self._value(whole, entry.below, sizes, f"{at}.below", name)
        if self._value(evaluate, entry.scale, sizes, f"{at}.scale", name) < 0:
            raise self._error(f"{at}.scale is {said(entry.scale)}; expected at least 0", name)
        if numbers > MOST_NUMBERS:
            raise self._error(f"{at}.shape has {numbers:,} numbers; at most {MOST_NUMBERS:,} are drawn", name)
        return entry

    def _value(
        self,
        read: Callable[[str | Number, Mapping[str, int]], Number],
        expression: str | Number,
        sizes: Mapping[str, int],
        at: str,
        name: str,
    ) -> Number:
        try:
            return read(expression, sizes)
        except KitError as error:
            raise self._error(f"{at}: {error.what}", name) from None

    def _case(self, place: int, value: Any, sizes: Mapping[str, int], inputs: Mapping[str, Input]) -> Case:
        self.start = self._header("[[cases]]", place)
        at = f"cases.{value['name']}" if isinstance(value.get("name"), str) else f"cases[{place}]"
        table = self._table("cases", value, at)
        ranges = self._ranges(table.get("sizes", {}), f"{at}.sizes")
        fixed = {name: size for name, size in table.get("sizes", {}).items() if name not in ranges}
        own, least = (
            self._own_sizes({**fixed, **ends}, sizes, f"{at}.sizes")
            for ends in (
                {name: size.most for name, size in ranges.items()},
                {name: size.least for name, size in ranges.items()},
            )
        )
        changed = dict(inputs)
        for name, change in table.get("inputs", {}).items():
            if name not in inputs:
                raise self._error(
                    f"the case changes the input {name}, which [inputs] does not list{did_you_mean(name, inputs)}", name
                )
            for sizes_there in (least, own):
                changed[name] = self._input(name, change, sizes_there, f"{at}.inputs.{name}", inputs[name])
        name, ties, upstream = table.get("name", "case"), table.get("ties", False), float(table.get("upstream", 1.0))
        return Case(name, own, changed, ties, upstream, ranges)

    def _ranges(self, value: Mapping[str, Any], at: str) -> dict[str, Range]:
        """Of the sizes of a case those that are drawn."""
        ranges: dict[str, Range] = {}
        for name, ends in value.items():
            if isinstance(ends, list):
                self._check(RANGE, ends, f"{at}.{name}", name)
                ranges[name] = Range(*ends)
        return ranges

    def _own_sizes(self, value: Mapping[str, Any], sizes: Mapping[str, int], at: str) -> dict[str, int]:
        for name in value:
            if name not in sizes:
                raise self._error(f"the size {name} is not listed under [sizes]{did_you_mean(name, sizes)}", name)
        return {**sizes, **self._sizes(value, at)}

    def _exercise(self, place: int, value: Any, tensors: frozenset[str], has_training: bool) -> Exercise:
        self.start = self._header("[[exercises]]", place)
        at = f"exercises.{value['name']}" if isinstance(value.get("name"), str) else f"exercises[{place}]"
        table = self._table("exercises", value, at)
        for key in ("name", "steps"):
            if key not in table:
                raise self._error(f"an exercise has no {key}", "exercises")
        name = table["name"]
        steps = tuple(self._step(name, step, tensors, at) for step in table["steps"])
        for step in steps:
            if step.is_training and not (table.get("function") and has_training):
                raise self._error(
                    f"{step.path} trains, which takes a function in the exercise and a table [training]", "kind"
                )
        return Exercise(
            name=name,
            title=table.get("title", name),
            about=table.get("about", ""),
            steps=steps,
            is_chain=table.get("chain", False),
            function=table.get("function"),
            unless_reads=tuple(table.get("unless_reads", ())),
        )

    def _step(self, exercise: str, value: dict[str, Any], tensors: frozenset[str], at: str) -> Step:
        self.start = self._header("[[exercises.steps]]", self.steps_read)
        self.steps_read += 1
        table = self._table(
            "steps", value, f"{at}.{value['name']}" if isinstance(value.get("name"), str) else f"{at}.steps"
        )
        if "name" not in table:
            raise self._error(f"a step of {exercise} has no name", "exercises")
        step = Step(
            name=table["name"],
            exercise=exercise,
            points=float(table.get("points", 1)),
            watch=table.get("watch", ""),
            hints=tuple(table.get("hints", ())),
            is_training=table.get("kind") == "training",
        )
        if not step.is_training and not step.name.startswith(GRADIENT_PREFIX):
            raise self._error(f"the step {step.name} is no gradient: its name starts with no d", f'"{step.name}"')
        if not step.is_training and step.tensor not in tensors:
            raise self._error(
                f"the step {step.name} asks for the gradient of {step.tensor}, which forward.py does not "
                f"make{did_you_mean(step.tensor, tensors)}",
                f'"{step.name}"',
            )
        return step

    def _training(self, value: dict[str, Any], sizes: Mapping[str, int], inputs: Mapping[str, Input]) -> Training:
        with self._from(self._header("[training]", 0)):
            table = self._table("training", value, "training")
            for name in table.get("batch", ()):
                if name not in inputs:
                    raise self._error(
                        f"the batch holds {name}, which [inputs] does not list{did_you_mean(name, inputs)}", "batch"
                    )
            plans = {key: self._plan(key, table.get(key, {"steps": 25}), sizes) for key in ("check", "grade")}
        return Training(
            tuple(table.get("batch", ())), float(table.get("learning_rate", 0.1)), plans["check"], plans["grade"]
        )

    def _plan(self, key: str, value: Any, sizes: Mapping[str, int]) -> TrainingPlan:
        with self._from(self._line(key)):
            plan = self._table("training plan", value, f"training.{key}")
            if "steps" not in plan:
                raise self._error(f"the training plan {key} needs steps, at least 1", key)
            return TrainingPlan(plan["steps"], self._own_sizes(plan.get("sizes", {}), sizes, f"training.{key}.sizes"))

    def _distinct(self, exercises: tuple[Exercise, ...]) -> None:
        for names in (
            [exercise.name for exercise in exercises],
            *([step.name for step in exercise.steps] for exercise in exercises),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise self._error(f"{twice[0]} stands there twice", f'"{twice[0]}"')

    def _named(self, name: str, at: str) -> None:
        if not is_name(name):
            raise self._error(f"{at} has {said(name)}; expected a name, as Python has them", name)

    def _table(self, kind: str, value: Any, at: str) -> dict[str, Any]:
        """`value`, when it is a table that holds known keys with values that make sense. `at` is its path."""
        allowed = KEYS[kind]
        if not isinstance(value, dict):
            raise self._error(f"{at} is {said(value)}; expected a table", kind)
        for key, entry in value.items():
            if key not in allowed:
                place = f" in {kind}" if kind else ""
                raise self._error(f'unknown key "{key}"{place}{did_you_mean(key, allowed)}', key)
            self._check(allowed[key], entry, f"{at}.{key}" if at else key, key)
        return dict(value)

    def _check(self, rule: Rule, value: object, at: str, key: str) -> None:
        if not rule.allows(value):
            raise self._error(f"{at} is {said(value)}; expected {rule.expected}", key)

    @contextmanager
    def _from(self, line: int) -> Iterator[None]:
        """Complaints name lines from this one on."""
        before, self.start = self.start, line
        yield
        self.start = before

    def _error(self, problem: str, word: str) -> KitError:
        return KitError(problem, where=f"{self.file}:{self._line(word)}" if word else str(self.file))

    def _line(self, word: str) -> int:
        """The first line that sets or mentions `word` outside a comment; 1 where none does."""
        bare = re.escape(word.strip('"'))
        lines = self._lines()
        for pattern in (rf"(?:^|[\s{{,.\[]){bare}\s*[=\]]", rf"\b{bare}\b"):
            for number in range(self.start, len(lines) + 1):
                if re.search(pattern, lines[number - 1]):
                    return number
        return self.start

    def _header(self, header: str, place: int) -> int:
        """The line of the `place`th table with this header; 1 where the tables are written inline."""
        found = [number for number, line in enumerate(self._lines(), start=1) if line.strip().startswith(header)]
        return found[place] if place < len(found) else 1

    def _lines(self) -> list[str]:
        return [line.split("#", 1)[0] for line in self.file.read_text(encoding="utf-8").splitlines()]
