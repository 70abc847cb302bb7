"""Whatever comes over the pipe, stands in a student's file or in a lesson: a result or the one error that is meant.

A few thousand mutations a run; FUZZ=50 makes it fifty times as many. Every failure names the seed that repeats it.
"""

from __future__ import annotations

import ast
import contextlib
import gzip
import io
import json
import os
import random
import re
import resource
import shutil
import socket
import struct
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from grader.errors import KitError
from grader.lesson import Lesson, load_lesson
from grader.runner.language import compiled
from grader.submission.answers import Answer as Written
from grader.submission.answers import read_answers
from grader.submission.find import find_submissions, submission_at
from grader.wire import frames
from grader.wire.block import MAX_BLOCK, WireError
from grader.wire.frames import MAX_TEXT, WireClosed
from grader.wire.line import Line
from grader.wire.messages import MOST, Answer, Call, Failed, Forbidden, Load, Loaded, Ran, Refused, Run, Sealed
from tests.hostile.suite import entries
from tests.support import PRELUDE, ROOT

TIMES = int(os.environ.get("FUZZ", "1"))
FRAMES, STREAMS, FILES, LESSONS = 50_000 * TIMES, 1_000 * TIMES, 1_500 * TIMES, 250 * TIMES
ARCHIVES = 400 * TIMES
SLOWEST = 10.0  # seconds for one file, on a busy machine
SOLUTIONS = ROOT / "solutions" / "mlp"
MIB = 1 << 20


def seeded(count: int) -> Iterator[random.Random]:
    """Sources of randomness that are the same in every run, unless SEED says otherwise."""
    first = int(os.environ.get("SEED", "0"))
    return (random.Random(first + number) for number in range(count))


# Bytes over the pipe


def _tensors() -> tuple[torch.Tensor, ...]:
    kinds = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8)
    return (*(torch.ones(2, 3).to(kind) for kind in kinds), torch.zeros(0, 3), torch.ones(()), torch.ones(2) > 0)


WHOLE = [
    frames.join([frames.write(message)], 7)
    for message in (
        Run("ex1", "ex1_chain.py", "def dprobs():\n    return 1\n", {"helpers": "ONE = 1\n"}),
        Load("ex1.dprobs", "ex1", "dprobs", (1, 0)),
        Ran(2),
        Call("ex1.dprobs", "float64", {"n": 13}, {"probs": torch.rand(3, 4), "Xb": torch.ones(2, 2).long()}),
        Loaded(("dlogprobs", "probs"), ("probs",), takes_any=True),
        Answer(_tensors(), True, ("probs",), "printed", (Forbidden(3, "torch.autograd is not available"),)),
        Answer((torch.rand(4, 5, dtype=torch.float64),), False, (), ""),
        Answer((Refused("None"), torch.ones(1)), True, (), ""),
        Failed(False, "ValueError: no", 7, "printed"),
        Sealed(("process", "rlimits", "landlock", "seccomp")),
    )
]
ODD_NUMBERS = [0, 1, -1, 2**31, 2**32 - 1, 2**63, 2**64, -(2**63), 10**30, 1.5, float("nan"), float("inf")]
ODD: list[Any] = [*ODD_NUMBERS, None, True, "", "F64", "x" * 300, [], [[]], {}, {"a": 1}, ["a"] * 300, "\ud800", "0"]


def mutated_frame(frame: bytes, chance: random.Random) -> bytes:
    """One to three changes: mostly of the words and numbers within, else of bytes and lengths."""
    changes = FRAME_CHANGES if chance.random() < 0.4 else [_words, _numbers]
    for _ in range(chance.randint(1, 3)):
        frame = chance.choice(changes)(frame, chance)
    return frame


def _bits(frame: bytes, chance: random.Random) -> bytes:
    data = bytearray(frame)
    for _ in range(chance.randint(1, 8)):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _cut(frame: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.choices(range(len(frame) + 1), k=2))
    return chance.choice([frame[:start], frame[start:], frame[:start] + frame[end:], frame[:end] + frame[start:]])


def _filled(frame: bytes, chance: random.Random) -> bytes:
    place = chance.randint(0, len(frame))
    return frame[:place] + chance.choice([b"\x00", b"\xff", b"[", b"{", b'"', chance.randbytes(9)]) * chance.choice(
        [1, 7, 500]
    ) + frame[place:]  # fmt: skip


def _lengths(frame: bytes, chance: random.Random) -> bytes:
    claims = [0, 1, len(frame), MAX_TEXT, MAX_TEXT + 1, MAX_BLOCK, MAX_BLOCK + 1, 2**31, 2**32 - 1]
    return struct.pack("<IIQ", chance.choice(claims), chance.choice(claims), 7) + frame[16:]


def _joined(text: bytes, block: bytes) -> bytes:
    text += b" " * (-len(text) % 8)  # so that the block begins where blocks do
    return struct.pack("<IIQ", len(text), len(block), 7) + text + block


def _parted(frame: bytes) -> tuple[bytes, bytes]:
    if len(frame) < 16:
        return b"[{}]", b""
    text, block, *_ = struct.unpack_from("<IIQ", frame)
    return frame[16 : 16 + text], frame[16 + text : 16 + text + block]


def _words(frame: bytes, chance: random.Random) -> bytes:
    """Another value somewhere in the JSON text, its lengths made right again."""
    text, block = _parted(frame)
    return _joined(_changed_json(text, chance), block)


def _numbers(frame: bytes, chance: random.Random) -> bytes:
    """Other numbers than the text tells of: more, fewer, changed ones."""
    text, block = _parted(frame)
    return _joined(text, chance.choice([_bits, _cut, _filled])(block or bytes(8), chance))


def _changed_json(text: bytes, chance: random.Random) -> bytes:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    holder = {"": value}
    place: tuple[Any, Any] = (holder, "")
    while chance.random() < 0.8:
        inner = place[0][place[1]]
        if isinstance(inner, dict) and inner:
            place = (inner, chance.choice(list(inner)))
        elif isinstance(inner, list) and inner:
            place = (inner, chance.randrange(len(inner)))
        else:
            break
    change = chance.random()
    if change < 0.2 and place[0] is not holder:
        del place[0][place[1]]
    elif change < 0.3 and isinstance(place[0], dict):
        place[0][chance.choice(["0", "1", "kind", "dtype", "__metadata__", "x" * 40])] = place[0][place[1]]
    else:
        place[0][place[1]] = chance.choice(ODD)
    return json.dumps(holder[""]).encode()


FRAME_CHANGES: list[Callable[[bytes, random.Random], bytes]] = [_bits, _cut, _filled, _lengths, _words, _numbers]


def test_any_frame_is_a_message_or_a_wire_error_and_takes_little_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = 0
    for chance in seeded(FRAMES):
        frame = mutated_frame(chance.choice(WHOLE), chance)
        for read in (frames.read_replies, frames.read_requests, frames.read_greeting):
            try:
                messages: Any = read(frame)
            except WireError:
                continue
            count += 1
            for message in messages if isinstance(messages, list) else [messages]:
                if isinstance(
                    message, Answer
                ):  # its tensors are made here, and nothing may be wrong with them any more
                    assert len(message.returned) <= MOST
                    assert all(item.numel() < 10_000 for item in message.returned if isinstance(item, torch.Tensor))
    assert count > FRAMES / 50, "most mutations are refused at the door; some have to get in"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    assert grown < 200 * MIB


def _read_to_the_end(channel: socket.socket, deadline: float) -> None:
    line = Line(channel)
    while True:
        frames.number_of(line.get(deadline))


def test_any_stream_ends_in_a_frame_or_a_wire_error() -> None:
    for chance in seeded(STREAMS):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(b"".join(mutated_frame(chance.choice(WHOLE), chance) for _ in range(chance.randint(1, 3))))
            theirs.shutdown(socket.SHUT_WR)
            start = time.monotonic()
            with pytest.raises(WireError) as end:
                _read_to_the_end(ours, start + 5)
            assert end.type is WireClosed or "over the caps" in str(end.value)
            assert time.monotonic() - start < 4


# Python in a student's file


def _sources() -> list[str]:
    corpus = [
        PRELUDE + answer["code"]
        for kind in ("right", "wrong")
        for file in sorted((ROOT / "tests" / "corpus" / kind).glob("*.toml"))
        for answer in tomllib.loads(file.read_text(encoding="utf-8"))["answer"]
    ]
    solutions = [file.read_text(encoding="utf-8") for file in sorted(SOLUTIONS.glob("ex*.py"))]
    hostile = [entry.source() for entry in entries() if entry.has_code]
    return [*corpus, *solutions * 20, *hostile]


SOURCES = _sources()
TOKENS = (
    *("def ", "class ", "lambda ", "return ", "yield ", "await ", "async ", "import ", "from ", " as ", "global "),
    *("nonlocal ", "with ", "match ", "case ", "try:", "except ", "finally:", "if ", "else:", "for ", "in ", "while "),
    *("(", ")", "[", "]", "{", "}", ":", ",", ".", ";", "=", ":=", "**", "*", "@", "\\", "\n", "\n    ", "\t", "#"),
    *(
        "'",
        '"',
        '"""',
        "f'{",
        "}'",
        "b'",
        "0x",
        "1e999",
        "1j",
        "_",
        "__class__",
        "...",
        "->",
        "é",
        "ｅ",
        "\x00",
        "\x0c",
    ),
    *("torch", "probs", "dprobs", "self", "None", "dlogprobs", "backward", "grad", "type", "format", "9" * 40, "\r"),
)


def mutated_text(text: str, chance: random.Random) -> str:
    """One to six changes: of characters, words and lines, also from another file."""
    for _ in range(chance.randint(1, 6)):
        lines = text.splitlines(keepends=True)
        start, end = sorted(chance.choices(range(len(text) + 1), k=2))
        match chance.randrange(8):
            case 0:
                text = text[:start] + text[min(end, start + 20) :]
            case 1 | 2:
                text = text[:start] + chance.choice(TOKENS) + text[start:]
            case 3:
                text = text[:start] + chance.choice(TOKENS) * chance.choice([2, 30, 3000]) + text[start:]
            case 4 if lines:
                chance.shuffle(lines)
                text = "".join(lines)
            case 5 if lines:
                text = "".join(lines + chance.choices(lines, k=chance.choice([1, 5, 200])))
            case 6:
                other = chance.choice(SOURCES)
                text = text[:start] + other[start : start + 400] + text[start:]
            case 7:
                text = text.replace(chance.choice(TOKENS), chance.choice(TOKENS), chance.choice([1, 5, -1]))
    return text


class Grammar:
    """Programs that nobody would write: every kind of statement and expression in every other."""

    CONSTANTS: tuple[int | str | float, ...] = (1, "a", 0.5)
    NAMES = ("dprobs", "probs", "torch", "x", "self", "A", "print", "type", "__x", "open", "é")

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._left = 120

    def program(self) -> str:
        body = [self.statement(4) for _ in range(self._chance.randint(1, 6))]
        function = ast.FunctionDef("dprobs", self.arguments(1), self.body(3), [], None, lineno=1)
        module = ast.Module([*body, function], [])
        return ast.unparse(ast.fix_missing_locations(module))

    def name(self) -> str:
        return self._chance.choice(self.NAMES)

    def body(self, depth: int) -> list[ast.stmt]:
        return [self.statement(depth) for _ in range(self._chance.randint(1, 3))]

    def many(self, depth: int) -> list[ast.expr]:
        return [self.expression(depth) for _ in range(self._chance.randint(0, 3))]

    def target(self, depth: int) -> ast.expr:
        name, store = ast.Name(self.name(), ast.Store()), ast.Store()
        choices: list[ast.expr] = [
            name,
            ast.Attribute(self.expression(depth - 1), self.name(), store),
            ast.Subscript(self.expression(depth - 1), self.expression(depth - 1), store),
            ast.Tuple([name, ast.Starred(ast.Name(self.name(), store), store)], store),
        ]
        return self._chance.choice(choices)

    def arguments(self, depth: int) -> ast.arguments:
        names = self._chance.sample(self.NAMES, 4)
        hint = self.expression(depth - 1)
        return ast.arguments(
            [], [ast.arg(names[0], hint), ast.arg(names[1])], ast.arg(names[2]), [], [], ast.arg(names[3]),
            [self.expression(depth - 1)],
        )  # fmt: skip

    def expression(self, depth: int) -> ast.expr:
        self._left -= 1
        load = ast.Load()
        if depth <= 0 or self._left < 0:
            constant = ast.Constant(self._chance.choice(self.CONSTANTS))
            return self._chance.choice([ast.Name(self.name(), load), constant])
        one, other, third = (self.expression(depth - 1) for _ in range(3))
        loop = ast.comprehension(self.target(1), one, [other], 0)
        choices: list[Callable[[], ast.expr]] = [
            lambda: ast.BinOp(one, self._chance.choice([ast.Pow(), ast.Add(), ast.MatMult(), ast.BitOr()]), other),
            lambda: ast.BoolOp(ast.Or(), [one, other]),
            lambda: ast.UnaryOp(ast.USub(), one),
            lambda: ast.Compare(one, [ast.Is(), ast.In()], [other, third]),
            lambda: ast.Call(
                one, [other, ast.Starred(third, load)], [ast.keyword(self.name(), one), ast.keyword(None, other)]
            ),
            lambda: ast.Attribute(one, self.name(), load),
            lambda: ast.Subscript(one, ast.Slice(other, None, third), load),
            lambda: ast.Lambda(self.arguments(1), one),
            lambda: ast.IfExp(one, other, third),
            lambda: ast.NamedExpr(ast.Name(self.name(), ast.Store()), one),
            lambda: ast.ListComp(third, [loop]),
            lambda: ast.DictComp(one, other, [loop]),
            lambda: ast.GeneratorExp(third, [loop]),
            lambda: ast.Dict([None, one], [other, third]),
            lambda: ast.Set([one, other]),
            lambda: ast.Yield(one),
            lambda: ast.Await(one),
            lambda: ast.JoinedStr([ast.FormattedValue(ast.Name(self.name(), load), -1, None)]),
            lambda: ast.Constant(1j),
            lambda: ast.Tuple(self.many(depth - 1), load),
        ]
        return self._chance.choice(choices)()

    def pattern(self) -> ast.pattern:
        name = self.name()
        choices: list[ast.pattern] = [
            ast.MatchAs(None, name),
            ast.MatchClass(ast.Name("A", ast.Load()), [], [name], [ast.MatchAs(None, "y")]),
            ast.MatchMapping([ast.Constant(1)], [ast.MatchAs()], name),
            ast.MatchSequence([ast.MatchStar(name)]),
            ast.MatchOr([ast.MatchValue(ast.Constant(2)), ast.MatchSingleton(None)]),
        ]
        return self._chance.choice(choices)

    def statement(self, depth: int) -> ast.stmt:
        self._left -= 1
        if depth <= 0 or self._left < 0:
            return ast.Expr(self.expression(0))
        one, name = self.expression(2), self.name()
        function = ast.FunctionDef if self._chance.random() < 0.8 else ast.AsyncFunctionDef
        choices: list[Callable[[], ast.stmt]] = [
            lambda: ast.Assign([self.target(2), self.target(2)], one),
            lambda: ast.AugAssign(ast.Name(name, ast.Store()), ast.Pow(), one),
            lambda: ast.AnnAssign(ast.Name(name, ast.Store()), one, None, 1),
            lambda: function(name, self.arguments(2), self.body(depth - 1), [one], None),
            lambda: ast.ClassDef(name, [one], [ast.keyword("metaclass", one)], self.body(depth - 1), [one]),
            lambda: ast.For(self.target(1), one, self.body(depth - 1), self.body(depth - 1)),
            lambda: ast.While(one, self.body(depth - 1), []),
            lambda: ast.If(one, self.body(depth - 1), self.body(depth - 1)),
            lambda: ast.With([ast.withitem(one, self.target(1))], self.body(depth - 1)),
            lambda: ast.Try(self.body(depth - 1), [ast.ExceptHandler(one, name, self.body(1))], [], self.body(1)),
            lambda: ast.Match(one, [ast.match_case(self.pattern(), one, self.body(depth - 1))]),
            lambda: ast.Import([ast.alias("torch.nn", name)]),
            lambda: ast.ImportFrom("torch", [ast.alias(name, name)], self._chance.choice([0, 1])),
            lambda: ast.Global([name]),
            lambda: ast.Nonlocal([name]),
            lambda: ast.Delete([ast.Name(name, ast.Del())]),
            lambda: ast.Raise(one, one),
            lambda: ast.Assert(one, one),
            lambda: ast.Return(one),
            lambda: ast.Expr(one),
        ]
        return self._chance.choice(choices)()


def mutant(chance: random.Random) -> bytes:
    """The bytes of a file: a mutated answer, a grown program, or neither."""
    match chance.randrange(10):
        case 0:
            return chance.randbytes(chance.choice([1, 100, 5000]))
        case 1 | 2 | 3:
            return Grammar(chance).program().encode()
        case 4:
            return mutated_text(Grammar(chance).program(), chance).encode("utf-8", "surrogatepass")
    return mutated_text(chance.choice(SOURCES), chance).encode("utf-8", "surrogatepass")


def test_any_file_of_a_student_is_read_to_answers(tmp_path: Path, lesson: Lesson) -> None:
    statuses: set[str] = set()
    for number, chance in enumerate(seeded(FILES)):
        file = tmp_path / chance.choice(["ex1_chain.py", "lone.py"])
        file.write_bytes(mutant(chance))
        start = time.perf_counter()
        answers = read_answers(submission_at(file, lesson), lesson)
        assert time.perf_counter() - start < SLOWEST, number
        statuses |= {answer.status for answer in answers.by_name.values()}
        for answer in answers.by_name.values():
            assert answer.message or answer.status == "ready", number
            if answer.status == "ready":
                _runs_or_refuses(answer)
    assert statuses == {"ready", "missing", "error"}


def _runs_or_refuses(answer: Written) -> None:
    """What stands ready can be made runnable, or Python says why not."""
    with contextlib.suppress(SyntaxError, RecursionError, ValueError):
        compiled(ast.parse(answer.source), "ex.py")


LARGE = {
    "names": "".join(f"a{n} = a{n - 1}\n" for n in range(1, 14_000)),
    "sums of sums": "a0 = 1\n" + "".join(f"a{n} = a{n - 1} + a{n - 1}\n" for n in range(1, 7_000)) + "x = a6999.grad\n",
    "powers of powers": "a0 = 1.1\n" + "".join(f"a{n} = a{n - 1} ** a{n - 1}\n" for n in range(1, 7_000)),
    "texts of texts": "a0 = 'x'\n"
    + "".join(f"a{n} = a{n - 1} + a{n - 1}\n" for n in range(1, 60))
    + "x = a59.format(1)\n",
    "unknown words": "".join(f"x.word{n}\n" for n in range(9_000)),
    "classes": "".join(f"class A{n}:\n    x{n} = {n}\n" for n in range(4_000)),
    "functions in functions": "".join(f"{'  ' * n}def f{n}(x):\n" for n in range(90)) + "  " * 90 + "return f0\n",
    "helpers that call each other": "".join(f"def f{n}(x):\n    return f{n + 1}(x)\n" for n in range(5_000)),
    "one statement of many parts": "x = [" + ", ".join("probs.sum()" for _ in range(9_000)) + "]\n",
    "a long chain of dots": "x = probs" + ".T" * 900 + "\n",
    "a list that is never closed": "y = [\n" + "".join(f"name{n},\n" + "    11, 12, 13,\n" * 32 for n in range(330)),
    "a long chain of calls": "x = probs" + ".sum()" * 400 + "\n",
    "a long text with fields": "x = '" + "{0.T}" * 5_000 + "'.format(probs)\n",
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("inside", [True, False], ids=["in the answer", "around it"])
def test_a_large_file_is_read_in_time(text: str, inside: bool, tmp_path: Path, lesson: Lesson) -> None:
    """Quadratic is too much: a file of the largest size would hold up the whole class."""
    body = "".join(f"    {line}\n" for line in text.splitlines()) if inside else "    return x\n"
    file = tmp_path / "ex1_chain.py"
    file.write_text(f"{'' if inside else text}def dprobs(dlogprobs, probs):\n{body}", encoding="utf-8")
    start = time.perf_counter()
    read_answers(submission_at(file, lesson), lesson)
    assert time.perf_counter() - start < SLOWEST


# A lesson's own files: what is wrong with them is told to the one who writes them

VALUES = (
    *("", "[]", "{}", "true", "-1", "0", "1e400", "nan", '""', '"n"', '"n +"', '"__import__(1)"', "[1, 2]", "['n', 1]"),
    *("{ a = 1 }", "99999999999999999999", "2020-01-01", '"dprobs"', '"../up"', "'\\u0000'", '"""', "[["),
    *("{ shape = 1 }", '["n", ["n"]]', '{ shape = ["n"], scale = "n ** n" }', '{ shape = ["x"] }'),
    *('{ below = "n", shape = ["n"] }', '{ shape = ["n"], values = [] }', "[{}]"),
)
SIGNS = "abdnsx0_[]{}\"'=.,"


def mutated_lesson(text: str, chance: random.Random) -> str:
    """One to three changes: of values, keys, lines, characters."""
    for _ in range(chance.randint(1, 3)):
        lines = text.splitlines(keepends=True)
        place = chance.randrange(len(lines))
        key, equals, _ = lines[place].partition("=")
        match chance.randrange(6):
            case 0 | 1 if equals:
                lines[place] = f"{key}= {chance.choice(VALUES)}\n"
            case 2:
                del lines[place]
            case 3:
                lines.insert(chance.randrange(len(lines)), lines[place])
            case 4:
                lines[place] = mutated_text(lines[place], chance)
            case _:
                lines[place] = lines[place].replace(
                    chance.choice("abdns_[]{}\"'=.,"), chance.choice("xn0_[]{}\"'=.,"), 1
                )
        text = "".join(lines) or "\n"
    return text


@pytest.mark.parametrize("name", ["lesson.toml", "forward.py"])
def test_any_lesson_loads_or_says_what_has_to_be_mended(name: str, tmp_path: Path) -> None:
    shutil.copytree(SOLUTIONS, tmp_path / "mlp")
    file = tmp_path / "mlp" / name
    original = file.read_text(encoding="utf-8")
    loaded = 0
    for number, chance in enumerate(seeded(LESSONS)):
        changed = mutated_lesson(original, chance)
        file.write_bytes(changed.encode("utf-8", "surrogatepass"))
        start = time.perf_counter()
        try:
            load_lesson(tmp_path / "mlp")
            loaded += 1
        except KitError:
            pass
        except Exception as error:
            pytest.fail(f"seed {number}: {type(error).__name__}: {error}")
        assert time.perf_counter() - start < SLOWEST, number
    assert 0 < loaded < LESSONS


@pytest.mark.parametrize("deep", ["(" * 150 + "n" + ")" * 150, "-" * 20_000 + "n", "n" + " + n" * 3_000, "[" * 3_000])
def test_a_forward_of_any_depth_loads_or_says_so(deep: str, tmp_path: Path) -> None:
    shutil.copytree(SOLUTIONS, tmp_path / "mlp")
    file = tmp_path / "mlp" / "forward.py"
    text = file.read_text(encoding="utf-8")
    assert "emb = C[Xb]" in text
    file.write_text(text.replace("emb = C[Xb]", f"emb = C[Xb] + {deep}"), encoding="utf-8")
    with contextlib.suppress(KitError):
        load_lesson(tmp_path / "mlp")


# Archives: whatever the bytes, the other students' files are found


def _archives() -> list[tuple[str, bytes]]:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("ex1_chain.py", "hw/ex2_cross_entropy.py", "Zoë/plot.png", "hw/deep.zip"):
            archive.writestr(name, out.getvalue() if name.endswith("zip") else "x = 1\n" * 50)
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        for name in ("ex1_chain.py", "hw/" + "long" * 60 + ".py", "plot.png"):
            member = tarfile.TarInfo(name)
            member.size = 300
            tar.addfile(member, io.BytesIO(b"x = 1\n" * 50))
    return [("zip", out.getvalue()), ("tar", tarred.getvalue()), ("tar.gz", gzip.compress(tarred.getvalue(), mtime=0))]


def test_any_archive_is_unpacked_or_refused(tmp_path: Path, lesson: Lesson) -> None:
    archives = _archives()
    read = refused = 0
    for number, chance in enumerate(seeded(ARCHIVES)):
        suffix, data = chance.choice(archives)
        for _ in range(chance.randint(1, 3)):
            data = chance.choice([_bits, _cut, _filled, _fields])(data, chance)
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / f"eve_1_2_hw.{suffix}").write_bytes(data)
        (folder / "zoe_3_4_ex1_chain.py").write_text("x = 1\n", encoding="utf-8")
        start = time.perf_counter()
        with find_submissions([folder], lesson) as found:
            eve, zoe = found.submissions
            assert zoe.files, number
            assert eve.all_files() or eve.notes, number
            read, refused = read + bool(eve.all_files()), refused + (not eve.all_files())
        assert time.perf_counter() - start < SLOWEST, number
        shutil.rmtree(folder)
    assert read
    assert refused


def _fields(data: bytes, chance: random.Random) -> bytes:
    """Another number in one of a zip's headers, or in any place."""
    places = [found.start() for found in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", data)] or [0]
    at = chance.choice(places) + chance.choice([4, 6, 8, 10, 12, 16, 18, 20, 22, 24, 26, 28, 30, 32, 38, 42])
    value = chance.choice([0, 1, 8, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, len(data)]) & 0xFFFFFFFF
    size = chance.choice([2, 4])
    return data[:at] + value.to_bytes(4, "little")[:size] + data[at + size :]
