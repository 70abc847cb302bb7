"""Every name in the tables is part of what is trusted: each is called with what it should not be given.

In a process of its own for each: nothing may crash, and no result may be complex, sparse or carry a graph.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

from grader.runner.language import Facade, Refusal, facades, tables
from tests.support import ROOT, THOROUGH

# Settings of the process, which are called elsewhere; `seed` takes what the machine has.
_SETTINGS = {"set_num_threads", "set_printoptions", "set_default_dtype"}
_SECONDS = 3
_CALLS = 60 if THOROUGH else 20
_MIB = 1 << 20
_BAD, _FAILED = 7, 8


def _callables() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {
        f"Tensor.{name}": getattr(torch.Tensor, name)
        for name in sorted(tables.TABLES[torch.Tensor])
        if callable(getattr(torch.Tensor, name))
    }
    for module in tables.OF_TENSORS:
        facade = facades.facade(module)
        assert facade is not None
        for name, value in sorted(facade.values.items()):
            if callable(value) and not isinstance(value, Facade) and name not in _SETTINGS:
                found[f"{module}.{name}"] = value
    return found


def _pool() -> list[Any]:
    """What is wrong somewhere: places out of range, sizes that do not fit, kinds of numbers that are not meant."""
    return [
        torch.rand(3, 4, dtype=torch.float64), torch.rand(4), torch.rand(()), torch.rand(0, 3), torch.rand(2, 3, 4),
        torch.tensor([0, 99, -99]), torch.tensor([[0, 1 << 40], [-1, 2]]), torch.tensor([3, 2, 1, 0]),
        torch.tensor([1 << 62]), torch.tensor([True, False, True]), torch.tensor([1, 2], dtype=torch.int8),
        torch.tensor([0, 5, 2], dtype=torch.int32), torch.full((3, 3), float("nan")), torch.eye(3),
        torch.rand(3, 4).t(), torch.rand(1).expand(5), torch.tensor(7), torch.zeros(0, dtype=torch.int64),
        0, 1, -1, 2, 99, -99, 1 << 40, 0.5, -1.5, float("nan"), float("inf"), True, None, "sum", "mean", "ij,jk->ik",
        (3, 4), (-1, 99), (1 << 40, 1 << 40), (0,), [0, 1], [torch.rand(3), torch.rand(3)], torch.float32, torch.int8,
        torch.bool, torch.float16, slice(1),
    ]  # fmt: skip


_OPTIONS: list[dict[str, Any]] = [
    *[{}] * 6,
    {"dim": 1}, {"dim": 99}, {"dim": -1, "keepdim": True}, {"dtype": torch.int8}, {"reduce": "amax"}, {"axis": -9},
    {"sorter": torch.tensor([99, -1, 5, 7])}, {"accumulate": True}, {"minlength": 5}, {"num_classes": 2},
    {"weight": torch.rand(3)}, {"padding_idx": 99}, {"max_norm": 1.0}, {"offsets": torch.tensor([0, 99])},
    {"output_size": 99}, {"out": torch.rand(2)}, {"pivots": torch.tensor([99, 7], dtype=torch.int32)},
    {"ignore_index": 99}, {"weights": torch.rand(9)}, {"storage_offset": 1 << 40}, {"unbiased": False},
]  # fmt: skip


def _problem(result: object) -> str:
    """What is wrong with a result; '' for nothing."""
    if isinstance(result, list | tuple):
        return next((problem for part in result[:5] if (problem := _problem(part))), "")
    if isinstance(result, complex):
        return "complex"
    if not isinstance(result, torch.Tensor):
        return ""
    facts = {
        "complex": result.is_complex(),
        "a graph": result.requires_grad or result.grad_fn is not None,
        "not dense": result.layout is not torch.strided,
    }
    return next((problem for problem, holds in facts.items() if holds), "")


def _try(name: str, function: Callable[..., Any]) -> int:
    """Calls with many wrong arguments. 0 where every result is a plain one."""
    chance = random.Random(name)
    for _ in range(_CALLS):
        pool = _pool()
        arguments = [chance.choice(pool) for _ in range(chance.choice((1, 1, 2, 2, 3, 3, 4, 5)))]
        if name.startswith("Tensor."):
            arguments[0] = chance.choice([thing for thing in pool if isinstance(thing, torch.Tensor)])
        try:
            result = function(*arguments, **chance.choice(_OPTIONS))
            if type(result).__name__ in ("list", "tuple") and len(result) > 10_000:
                continue
            repr(result)
        except (Exception, Refusal):
            continue
        if _problem(result):
            return _BAD
    return 0


def _in_a_child(name: str, function: Callable[..., Any]) -> int:
    child = os.fork()
    if child == 0:
        status = _FAILED
        try:
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115  (until the process ends)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115
            resource.setrlimit(resource.RLIMIT_AS, (mapped + 256 * _MIB, mapped + 256 * _MIB))
            signal.alarm(_SECONDS)
            warnings.simplefilter("ignore")
            torch.set_num_threads(1)
            torch._C._set_deterministic_algorithms(True, warn_only=True)
            with torch.inference_mode():
                status = _try(name, function)
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


_ALL = _callables()
_PARTS = 8


def _wrong_in(part: int) -> dict[str, str]:
    wrong: dict[str, str] = {}
    for name in list(_ALL)[part::_PARTS]:
        status = _in_a_child(name, _ALL[name])
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGALRM:
            wrong[name] = signal.Signals(os.WTERMSIG(status)).name
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status):
            wrong[name] = "a result" if os.WEXITSTATUS(status) == _BAD else "the test itself"
    return wrong


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of memory is needed: Linux")
@pytest.mark.parametrize("part", range(_PARTS))
def test_nothing_in_the_tables_crashes_or_gives_what_is_no_plain_tensor(part: int) -> None:
    """In a process that never had threads: what is forked from it would wait for them."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.test_language_tables", str(part)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=600)
    assert json.loads(done.stdout) == {}


def test_there_is_much_to_try() -> None:
    assert len(_ALL) > 700


def test_every_group_has_a_reason() -> None:
    groups = [(f"{kind}.{name}", group) for kind, found in tables.RAW.items() for name, group in found.items()]
    assert len(groups) > 40
    assert [name for name, group in groups if len(group.get("reason", "")) < 10] == []


def test_no_word_is_both_allowed_and_refused() -> None:
    assert not (set(tables.REASONS) - {"format"}) & (tables.TENSOR_WORDS | tables.BUILTIN_WORDS)


def test_every_word_exists_somewhere() -> None:
    owners = (torch, torch.Tensor, torch.nn, torch.nn.functional, torch.functional, torch.linalg, torch.special)
    assert {word for word in tables.TENSOR_WORDS if not any(hasattr(owner, word) for owner in owners)} == set()


def test_no_facade_holds_a_module_or_what_leads_to_one() -> None:
    for name in tables.MODULE_WORDS:
        facade = facades.facade(name)
        assert facade is not None
        for word, value in facade.values.items():
            assert type(value) is not type(sys), f"{name}.{word}"
            assert not (isinstance(value, type) and issubclass(value, type)), f"{name}.{word}"
            assert "complex" not in str(value).lower() or name != "torch", f"{name}.{word}"


if __name__ == "__main__":
    print(json.dumps(_wrong_in(int(sys.argv[1]))))
