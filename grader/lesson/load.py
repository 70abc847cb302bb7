"""lesson.toml + forward.py -> Lesson. Every complaint names the file and the line."""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader.errors import KitError
from grader.lesson.expression import evaluate, whole
from grader.lesson.graph import read_graph
from grader.lesson.model import Case, Exercise, Input, Lesson, Limits, Step, Training, TrainingPlan
from grader.names import did_you_mean

ROOT = Path(__file__).resolve().parents[2]  # where exercises/ and solutions/ lie
LESSON_FILE = "lesson.toml"
SCHEMA = 1

# What each table of lesson.toml may hold, and of which type.
_NUMBER: tuple[type, ...] = (int, float)
_EXPRESSION: tuple[type, ...] = (int, float, str)
_KEYS: dict[str, dict[str, tuple[type, ...]]] = {
    "": {
        "schema": (int,),
        "name": (str,),
        "title": (str,),
        "loss": (str,),
        "video": (str,),
        "sizes": (dict,),
        "inputs": (dict,),
        "cases": (list,),
        "limits": (dict,),
        "credit": (dict,),
        "training": (dict,),
        "exercises": (list,),
        "vocabulary": (dict,),
        "notebook": (str,),
    },
    "inputs": {"shape": (list,), "below": _EXPRESSION, "scale": _EXPRESSION, "shift": _NUMBER, "values": (list,)},
    "cases": {"name": (str,), "sizes": (dict,), "inputs": (dict,), "ties": (bool,), "upstream": (int, float)},
    "limits": {
        "call_seconds": _NUMBER,
        "step_seconds": _NUMBER,
        "submission_seconds": _NUMBER,
        "training_seconds": _NUMBER,
        "memory_mib": (int,),
    },
    "credit": {"shape": _NUMBER, "mutates": _NUMBER, "hard-coded": _NUMBER},
    "training": {"batch": (list,), "learning_rate": _NUMBER, "check": (dict,), "grade": (dict,)},
    "training plan": {"steps": (int,), "sizes": (dict,)},
    "exercises": {
        "name": (str,),
        "title": (str,),
        "about": (str,),
        "chain": (bool,),
        "function": (str,),
        "unless_reads": (list,),
        "steps": (list,),
    },
    "steps": {"name": (str,), "points": _NUMBER, "watch": (str,), "hints": (list,), "kind": (str,)},
    "vocabulary": {"names": (list,), "attributes": (list,), "modules": (list,)},
}
_WATCH = re.compile(r"\d+(:\d\d){1,2}")
_TYPE_NAMES = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
    bool: "true or false",
}


def find_lesson(lesson: str | None) -> Path:
    """The folder of a lesson given by path or by name; `mlp` where none is given."""
    wanted = lesson or "mlp"
    for folder in (Path(wanted), ROOT / "exercises" / wanted):
        with contextlib.suppress(OSError):  # a name that no file can have
            if (folder / LESSON_FILE).is_file():
                return folder
    known = [path.parent.name for path in lesson_files()]
    raise KitError(
        f"there is no lesson {wanted}: no {LESSON_FILE} in {wanted}/ nor in {ROOT.name}/exercises/{wanted}/",
        mend=f"lessons here: {', '.join(known) or 'none; run this in the kit folder'}",
    )


def lesson_files() -> list[Path]:
    """The lesson.toml of every lesson of this kit."""
    return sorted((ROOT / "exercises").glob(f"*/{LESSON_FILE}"))


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
        raw = self._table("", self._parse())
        for key in ("name", "loss", "sizes", "inputs", "cases", "exercises"):
            if key not in raw:
                raise self._error(f"the key {key} is missing", "")
        if raw.get("schema", SCHEMA) != SCHEMA:
            raise self._error(f"schema {raw['schema']} is not known; this kit reads schema {SCHEMA}", "schema")
        sizes = self._sizes(raw["sizes"])
        inputs = {name: self._input(name, value, sizes) for name, value in raw["inputs"].items()}
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
            limits=Limits(**self._positive("limits", raw.get("limits", {}))),
            credit={key: float(value) for key, value in self._table("credit", raw.get("credit", {})).items()},
            training=self._training(raw["training"], sizes, inputs) if "training" in raw else None,
            graph=graph,
            vocabulary={
                key: tuple(words) for key, words in self._table("vocabulary", raw.get("vocabulary", {})).items()
            },
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

    def _sizes(self, value: Mapping[str, Any]) -> dict[str, int]:
        for name, size in value.items():
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise self._error(f"the size {name} is {size!r}; a size is a whole number of at least 1", name)
        return dict(value)

    def _input(self, name: str, value: Any, sizes: Mapping[str, int], base: Input | None = None) -> Input:
        if not isinstance(value, dict):
            raise self._error(f'the input {name} is {value!r}; expected a table such as {{ shape = ["n"] }}', name)
        table = self._table("inputs", value)
        if base is None and "shape" not in table:
            raise self._error(f"the input {name} has no shape", name)
        for key in ("shape", "values"):
            if key in table:
                table[key] = tuple(table[key])
        entry = replace(base, **table) if base else Input(name=name, **table)
        try:
            if not all(isinstance(length, str | int) for length in entry.shape):
                raise KitError("a shape is a list of numbers and expressions over the sizes")
            if not all(isinstance(value, int | float) for value in entry.values):
                raise KitError("values is a list of numbers")
            for length in entry.shape:
                whole(length, sizes)
            if entry.below is not None:
                whole(entry.below, sizes)
            evaluate(entry.scale, sizes)
        except KitError as error:
            raise self._error(f"the input {name}: {error.what}", name) from None
        return entry

    def _case(self, place: int, value: Any, sizes: Mapping[str, int], inputs: Mapping[str, Input]) -> Case:
        self.start = self._header("[[cases]]", place)
        table = self._table("cases", value)
        own = self._own_sizes(table.get("sizes", {}), sizes)
        changed = dict(inputs)
        for name, change in table.get("inputs", {}).items():
            if name not in inputs:
                raise self._error(
                    f"the case changes the input {name}, which [inputs] does not list{did_you_mean(name, inputs)}", name
                )
            changed[name] = self._input(name, change, own, inputs[name])
        return Case(
            table.get("name", "case"), own, changed, table.get("ties", False), float(table.get("upstream", 1.0))
        )

    def _own_sizes(self, value: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, int]:
        for name in value:
            if name not in sizes:
                raise self._error(f"the size {name} is not listed under [sizes]{did_you_mean(name, sizes)}", name)
        return {**sizes, **self._sizes(value)}

    def _exercise(self, place: int, value: Any, tensors: frozenset[str], has_training: bool) -> Exercise:
        self.start = self._header("[[exercises]]", place)
        table = self._table("exercises", value)
        for key in ("name", "steps"):
            if key not in table:
                raise self._error(f"an exercise has no {key}", "exercises")
        name = table["name"]
        steps = tuple(self._step(name, step, tensors) for step in table["steps"])
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

    def _step(self, exercise: str, value: Any, tensors: frozenset[str]) -> Step:
        self.start = self._header("[[exercises.steps]]", self.steps_read)
        self.steps_read += 1
        table = self._table("steps", value)
        if "name" not in table:
            raise self._error(f"a step of {exercise} has no name", "exercises")
        kind = table.get("kind", "gradient")
        if kind not in ("gradient", "training"):
            raise self._error(f'the step {table["name"]} has kind "{kind}"; expected "gradient" or "training"', "kind")
        hints, watch = table.get("hints", ()), table.get("watch", "")
        if not all(isinstance(hint, str) for hint in hints):
            raise self._error("hints holds something else than texts", "hints")
        if watch and not _WATCH.fullmatch(watch):
            raise self._error(f'watch is "{watch}"; expected mm:ss or h:mm:ss', "watch")
        step = Step(
            name=table["name"],
            exercise=exercise,
            points=float(table.get("points", 1)),
            watch=watch,
            hints=tuple(hints),
            is_training=kind == "training",
        )
        if not step.is_training and step.tensor not in tensors:
            raise self._error(
                f"the step {step.name} asks for the gradient of {step.tensor}, which forward.py does not "
                f"make{did_you_mean(step.tensor, tensors)}",
                f'"{step.name}"',
            )
        return step

    def _training(self, value: dict[str, Any], sizes: Mapping[str, int], inputs: Mapping[str, Input]) -> Training:
        table = self._table("training", value)
        for name in table.get("batch", ()):
            if not isinstance(name, str) or name not in inputs:
                raise self._error(
                    f"the batch holds {name}, which [inputs] does not list{did_you_mean(str(name), inputs)}", "batch"
                )
        plans: dict[str, TrainingPlan] = {}
        for key in ("check", "grade"):
            plan = self._table("training plan", table.get(key, {"steps": 25}))
            if plan.get("steps", 0) < 1:
                raise self._error(f"the training plan {key} needs steps, at least 1", key)
            plans[key] = TrainingPlan(plan["steps"], self._own_sizes(plan.get("sizes", {}), sizes))
        return Training(
            tuple(table.get("batch", ())), float(table.get("learning_rate", 0.1)), plans["check"], plans["grade"]
        )

    def _distinct(self, exercises: tuple[Exercise, ...]) -> None:
        for names in (
            [exercise.name for exercise in exercises],
            *([step.name for step in exercise.steps] for exercise in exercises),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise self._error(f"{twice[0]} stands there twice", f'"{twice[0]}"')

    def _positive(self, kind: str, value: Any) -> dict[str, Any]:
        table = self._table(kind, value)
        for key, number in table.items():
            if number <= 0:
                raise self._error(f'"{key}" is {number}; it has to be more than 0', key)
        return table

    def _table(self, kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
        """`value`, when it is a table that holds known keys of the right types alone."""
        allowed = _KEYS[kind]
        if not isinstance(value, dict):
            raise self._error(f"{kind} is {value!r}; expected a table", kind)
        for key, entry in value.items():
            if key not in allowed:
                place = f" in {kind}" if kind else ""
                raise self._error(f'unknown key "{key}"{place}{did_you_mean(key, allowed)}', key)
            if not isinstance(entry, allowed[key]) or (isinstance(entry, bool) and bool not in allowed[key]):
                expected = " or ".join(_TYPE_NAMES[kind] for kind in allowed[key])
                raise self._error(f'"{key}" is {entry!r}; expected {expected}', key)
        return dict(value)

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
