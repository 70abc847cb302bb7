"""A file that cannot be read is said once, first, with what it is and what to do; and it costs its own steps alone."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.copies import read as reading
from grader.copies.compare import Source
from grader.copies.shape import given_names
from grader.lesson import load_lesson
from grader.report.notebook import shown_cells
from grader.report.pages import feedback_page
from grader.results.model import SubmissionResult
from grader.submission.answers import Answers, read_answers
from grader.submission.bounds import MAX_CELLS, MAX_LINES, MAX_STATEMENTS
from grader.submission.content import Unreadable, shown_text
from grader.submission.find import Submission, submission_at
from grader.submission.notebook import cells_of
from grader.submission.program import read_program
from tests.support import ROOT

LESSON = load_lesson(ROOT / "solutions" / "mlp")
DPROBS = "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs\n"


def source(submission: Submission) -> Source:
    return reading.read_source(submission.name, submission.all_files(), given_names(LESSON))


LOGIN = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>\n<form>password</form></body></html>\n"


def notebook(*cells: tuple[str, object], **more: object) -> bytes:
    return json.dumps(
        {"cells": [{"cell_type": kind, "source": source} for kind, source in cells], "nbformat": 4, **more}
    ).encode()


def zipped() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("ex1_chain.py", DPROBS)
    return data.getvalue()


WHOLE = notebook(("code", DPROBS))
FILES: dict[str, tuple[str, bytes, str, str]] = {  # name, bytes, verdict of its steps, what is said
    "an empty notebook": ("a.ipynb", b"", "missing", "a.ipynb is empty"),
    "a notebook of spaces": ("a.ipynb", b" \n\n", "missing", "a.ipynb is empty"),
    "a login page as a notebook": ("a.ipynb", LOGIN, "error", "a.ipynb is a web page, perhaps a login page"),
    "a page behind a mark": ("a.ipynb", b"\xef\xbb\xbf\n <html>", "error", "a.ipynb is a web page"),
    "a login page as Python": ("a.py", LOGIN, "error", "a.py is a web page, perhaps a login page"),
    "a zip as a notebook": ("a.ipynb", zipped(), "error", "a.ipynb is a zip archive or an Office document"),
    "a zip as Python": ("a.py", zipped(), "error", "a.py is a zip archive"),
    "a pdf as a notebook": ("a.ipynb", b"%PDF-1.7\n\xe2\xe3", "error", "a.ipynb is a PDF"),
    "a picture as Python": ("a.py", b"\x89PNG\r\n\x1a\n\0\0", "error", "a.py is a picture"),
    "Python as a notebook": ("a.ipynb", DPROBS.encode(), "error", "a.ipynb is not a notebook"),
    "a notebook as Python": ("a.py", WHOLE, "error", "a.py is a notebook, not a .py file: name it .ipynb"),
    "a list": ("a.ipynb", b"[{}, {}]", "error", "a.ipynb is JSON, but not a notebook"),
    "another object": ("a.ipynb", b'{"score": 1}', "error", "a.ipynb is JSON, but not a notebook"),
    "Julia": (
        "a.ipynb",
        notebook(("code", "f(x) = x"), metadata={"kernelspec": {"language": "julia"}}),
        "error",
        "a.ipynb is a notebook whose language is julia: the exercise is in Python",
    ),
    "R": (
        "a.ipynb",
        notebook(("code", "x <- 1"), metadata={"language_info": {"name": "R"}}),
        "error",
        "a.ipynb is a notebook whose language is R",
    ),
    "prose alone": (
        "a.ipynb",
        notebook(("markdown", "# HW 4")),
        "missing",
        "a.ipynb has no code (it has no code cells)",
    ),
    "no cells": ("a.ipynb", notebook(), "missing", "a.ipynb has no code (it has no code cells)"),
    "cells without a word": ("a.ipynb", notebook(("code", " \n")), "missing", "its code cells are empty"),
    "broken off at once": ("a.ipynb", WHOLE[:40], "error", "a.ipynb is not whole (it breaks off at line 1)"),
    "an empty file": ("a.py", b"", "missing", "a.py is empty: save your work and hand it in again"),
    "comments alone": ("a.py", b"# to do\n\n   # later\n", "missing", "a.py holds no code"),
    "bytes of a program": ("a.py", b"\x7fELF\x02\0\0", "error", "a.py is a program"),
    "compiled Python": ("a.py", b"\xa7\r\r\n\0\0\0\0\xe3", "error", "a.py is not text (it has NUL bytes)"),
    "Latin-1": (
        "a.py",
        b"\n\n# caf\xe9\n" + DPROBS.encode(),
        "error",
        "not UTF-8 (byte 0xE9 at line 3): save it as UTF-8",
    ),
    "too many statements": (
        "a.py",
        b"x = 1\n" * (MAX_STATEMENTS + 1),
        "error",
        "more than 4,000 statements outside of",
    ),
    "too many lines": ("a.py", b"# 1\n" * MAX_LINES + b"x=1", "error", "more than 20,000 lines of code"),
    "too many cells": ("a.ipynb", notebook(*[("code", "")] * (MAX_CELLS + 1)), "error", "more than 2,000 cells"),
}


def answers_of(folder: Path, **files: bytes) -> Answers:
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)
    return read_answers(submission_at(folder, LESSON), LESSON)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_cannot_be_read_is_said_in_one_note(kind: str, tmp_path: Path) -> None:
    name, data, verdict, says = FILES[kind]
    path = tmp_path / name
    path.write_bytes(data)
    answers = read_answers(submission_at(path, LESSON), LESSON)
    assert len(answers.notes) == 1
    assert says in answers.notes[0]
    assert name in answers.notes[0]
    assert {answer.status for answer in answers.by_name.values()} == {verdict}
    assert {answer.message for answer in answers.by_name.values()} == {answers.notes[0]}


def test_an_unreadable_file_is_said_before_all_else_and_costs_its_own_steps_alone(tmp_path: Path) -> None:
    answers = answers_of(
        tmp_path,
        ex1_chain__py=DPROBS.encode() + b"def dC(:\n",
        ex2_cross_entropy__py=LOGIN,
        ex3_batchnorm__py=b"",
    )
    assert [note.split(" ")[0] for note in answers.notes][:2] == ["ex2_cross_entropy.py", "ex3_batchnorm.py"]
    assert answers.by_name["ex1_chain", "dprobs"].status == "ready"
    assert answers.by_name["ex2_cross_entropy", "dlogits"].status == "error"
    assert answers.by_name["ex3_batchnorm", "dhprebn"].status == "missing"


def test_of_many_broken_places_a_few_are_told_and_the_others_counted(tmp_path: Path) -> None:
    answers = answers_of(tmp_path, ex1_chain__py=DPROBS.encode() + b"def f(:\n  pass\n" * 30)
    assert len(answers.notes) == 4
    assert answers.notes[-1] == "ex1_chain.py is not Python in 27 more places"


READ = {
    "UTF-16": DPROBS.encode("utf-16"),
    "UTF-16, the other order": b"\xfe\xff" + DPROBS.encode("utf-16-be"),
    "a cookie": b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + DPROBS.encode(),
    "a mark of UTF-8": b"\xef\xbb\xbf" + DPROBS.encode(),
    "the ends of lines of a Mac": DPROBS.replace("\n", "\r").encode(),
}


@pytest.mark.parametrize("kind", READ)
def test_what_an_editor_saves_is_read_and_shown_alike(kind: str, tmp_path: Path) -> None:
    answers = answers_of(tmp_path, ex1_chain__py=READ[kind])
    assert answers.by_name["ex1_chain", "dprobs"].status == "ready"
    assert answers.notes == ()
    assert "return dlogprobs / probs" in shown_text(tmp_path / "ex1_chain.py")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_notebook_of_any_unicode_is_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(WHOLE.decode().encode(encoding))
    assert read_answers(submission_at(path, LESSON), LESSON).by_name["ex1_chain", "dprobs"].status == "ready"


NUMBERS = {
    "hexadecimal": "0x" + "f" * 5_000,
    "octal": "0o" + "7" * 9_000,
    "binary": "0b" + "1" * 2_000,
    "decimal": "9" * 4_000,
    "decimal, too long for Python": "9" * 5_000,
    "imaginary": "9" * 400 + "j",
    "of a float": "1" + "0" * 400 + ".0",
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("place", ["{}", "probs[{}]", "probs[{}:{}]", "f'{{{}}}'", "probs.view({}, -{})", "2 ** {}"])
def test_a_number_of_any_length_is_read_and_compared(number: str, place: str, tmp_path: Path) -> None:
    text = f"{DPROBS}def dcounts(probs):\n    return {place.replace('{}', number)}\n"
    answers = answers_of(tmp_path, ex1_chain__py=text.encode())
    assert answers.by_name["ex1_chain", "dprobs"].status == "ready"
    sources, left_out = reading.sources_of([submission_at(tmp_path, LESSON)], source)
    assert (len(sources), left_out) == (1, [])


# Memory

HEAVY: dict[str, Callable[[int], bytes]] = {
    "objects in a list": lambda n: b"[" + b"{}," * n + b"{}]",
    "objects for cells": lambda n: b'{"cells": [], "a": [' + b"{}," * n + b"{}]}",
    "objects in outputs": lambda n: b'{"cells": [{"cell_type": "code", "outputs": [' + b"{}," * n + b"{}]}]}",
    "keys": lambda n: b'{"cells": [{' + b"".join(b'"%d":[],' % i for i in range(n // 4)) + b'"a":1}]}',
    "a source of objects": lambda n: b'{"cells": [{"cell_type": "code", "source": [' + b"{}," * n + b"1]}]}",
    "nested lists": lambda n: b'{"cells": ' + b"[" * n + b"]" * n + b"}",
}


@pytest.mark.parametrize("kind", HEAVY)
def test_a_notebook_takes_little_more_memory_than_its_file(kind: str) -> None:
    data = HEAVY[kind](50_000)
    tracemalloc.start()
    try:
        cells_of("a.ipynb", data)
    except Unreadable:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 3 * len(data) + (1 << 20)


def test_outputs_of_any_form_are_passed_over(tmp_path: Path) -> None:
    outputs = '[{"data": [NaN, {"a": "\\"]}", "b": [[1], {}]}], "text": ["}\\n", "\\\\"]}]'
    text = f'{{"cells": [{{"outputs": {outputs}, "cell_type": "code", "source": ["x = 1\\n", "y = 2"]}}]}}'
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    assert read_program(path).lines[:2] == ("x = 1", "y = 2")


# Pages

PROSE = {
    "a pasted picture": "![image.png](attachment:image.png)",
    "a picture as text": "![a](data:image/png;base64," + "iVBORw0KGgo" * 100_000 + ")\n\n*after*",
    "links that lead nowhere": "[a](  [b][] [c]: \n\n[c]: <",
    "references in a circle": "[a]: [b]\n[b]: [a]\n\n[a][b] [b][a]",
    "raw HTML": "<div><b>x</div></b><script>1</script><!-- <x> --><![CDATA[",
    "formulas": "$$\\frac{a}{b}\n- c\n$$ and $x_i$ \\begin{align} \\[ open",
    "a table without end": "|a|\n|-|\n" + "|b|\n" * 5_000,
    "quotes in quotes": ">" * 1_000 + " a",
    "lists in lists": "- " * 1_000 + "a",
    "a fence without end": "```python\nx = 1\n",
    "signs without width": "\u200b\u200d\ufeff" * 100,
    "half a character": "a \ud800 b",
    "control characters": "a\x00\x1b[31mb\x9b",
    "entities": "&copy; &#0; &#x110000; &nope; &lt;b&gt;",
    "marks over marks": "a" + "\u0301" * 5_000,
}


@pytest.mark.parametrize("prose", PROSE.values(), ids=PROSE)
def test_prose_of_any_kind_costs_its_own_cell_alone(prose: str) -> None:
    data = notebook(("markdown", prose), ("code", "x = 1"), ("markdown", "# end")).decode()
    first, code, last = shown_cells(data)
    assert first.prose
    assert code.lines == ("x = 1",)
    assert last.prose == "<h1>end</h1>\n"
    result = SubmissionResult("0.1.0", "mlp", "s01", 0, (), (), None, ())
    page = feedback_page(result, LESSON, {"a.ipynb": data})
    page.encode()
    assert "<script" not in page.partition("<main>")[2]


def test_a_renderer_that_raises_costs_the_cell_its_formatting(monkeypatch: pytest.MonkeyPatch) -> None:
    import bleach

    clean = bleach.clean

    def raising(text: str, **more: object) -> str:
        if "odd" in text:
            raise ZeroDivisionError
        return str(clean(text, **more))

    monkeypatch.setattr(bleach, "clean", raising)
    odd, plain = shown_cells(notebook(("markdown", "*odd* <b>"), ("markdown", "*plain*")).decode())
    assert odd.prose == "<pre>*odd* &lt;b&gt;</pre><p>(shown as it was written)</p>"
    assert plain.prose == "<p><em>plain</em></p>\n"


def test_a_pasted_picture_is_a_word_on_the_page() -> None:
    (cell,) = shown_cells(notebook(("markdown", PROSE["a pasted picture"])).decode())
    assert cell.prose == "<p>[picture image.png]</p>\n"


# The similarity report


def test_a_submission_that_cannot_be_compared_is_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read = reading.read_source

    def odd(name: str, paths: list[Path], given: frozenset[str]) -> Source:
        if name == "odd":
            raise ValueError("no")
        return read(name, paths, given)

    monkeypatch.setattr(reading, "read_source", odd)
    submissions = []
    for name in ("ann", "odd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ex1_chain.py").write_text(DPROBS)
        submissions.append(submission_at(tmp_path / name, LESSON))
    sources, left_out = reading.sources_of(submissions, source)
    assert [source.name for source in sources] == ["ann"]
    assert left_out == [reading.LeftOut("odd", "no")]
