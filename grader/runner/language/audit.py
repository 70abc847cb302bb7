"""A second look, at byte code: no operation that the compiler guards is left, and no guard is bound anew.

The compiler could forget a kind of node; what it makes is looked at here without knowing how it was made. Operations
are allowed by name: one that a new version of Python brings is refused until somebody looked at it.
"""

from __future__ import annotations

import inspect
import opcode
import sys
from collections.abc import Callable
from types import CodeType

from grader.runner.language.names import GUARD, METHODS, READABLE_NAMES, is_dunder

# Of every version from 3.11 to 3.13.
_OPERATIONS = """
CACHE NOP RESUME PRECALL CALL KW_NAMES PUSH_NULL POP_TOP POP_EXCEPT PUSH_EXC_INFO CHECK_EXC_MATCH CHECK_EG_MATCH
PREP_RERAISE_STAR RERAISE RAISE_VARARGS COPY SWAP COPY_FREE_VARS MAKE_CELL MAKE_FUNCTION SET_FUNCTION_ATTRIBUTE
LOAD_CONST LOAD_FAST LOAD_FAST_CHECK LOAD_FAST_AND_CLEAR LOAD_FAST_LOAD_FAST STORE_FAST STORE_FAST_STORE_FAST
STORE_FAST_LOAD_FAST DELETE_FAST LOAD_GLOBAL STORE_GLOBAL DELETE_GLOBAL LOAD_NAME STORE_NAME DELETE_NAME
LOAD_DEREF STORE_DEREF DELETE_DEREF LOAD_CLOSURE LOAD_CLASSDEREF LOAD_FROM_DICT_OR_DEREF LOAD_BUILD_CLASS
LOAD_ASSERTION_ERROR LOAD_LOCALS RETURN_VALUE RETURN_CONST RETURN_GENERATOR YIELD_VALUE SEND END_SEND END_FOR
CLEANUP_THROW GET_YIELD_FROM_ITER JUMP_FORWARD JUMP_BACKWARD JUMP_BACKWARD_NO_INTERRUPT
POP_JUMP_FORWARD_IF_FALSE POP_JUMP_FORWARD_IF_TRUE POP_JUMP_FORWARD_IF_NONE POP_JUMP_FORWARD_IF_NOT_NONE
POP_JUMP_BACKWARD_IF_FALSE POP_JUMP_BACKWARD_IF_TRUE POP_JUMP_BACKWARD_IF_NONE POP_JUMP_BACKWARD_IF_NOT_NONE
POP_JUMP_IF_FALSE POP_JUMP_IF_TRUE POP_JUMP_IF_NONE POP_JUMP_IF_NOT_NONE JUMP_IF_FALSE_OR_POP
JUMP_IF_TRUE_OR_POP TO_BOOL UNARY_NOT UNARY_NEGATIVE UNARY_POSITIVE UNARY_INVERT COMPARE_OP IS_OP CONTAINS_OP
BINARY_OP CALL_INTRINSIC_1 CALL_INTRINSIC_2 GET_ITER FOR_ITER UNPACK_SEQUENCE UNPACK_EX BUILD_TUPLE BUILD_LIST
BUILD_SET BUILD_MAP BUILD_CONST_KEY_MAP LIST_APPEND LIST_EXTEND LIST_TO_TUPLE SET_ADD SET_UPDATE MAP_ADD
DICT_UPDATE DICT_MERGE CALL_FUNCTION_EX DELETE_SUBSCR CALL_KW BEFORE_WITH WITH_EXCEPT_START GET_LEN MATCH_SEQUENCE
MATCH_MAPPING MATCH_KEYS EXTENDED_ARG
"""
_ALLOWED = frozenset(_OPERATIONS.split())
_CODES = frozenset(code for name, code in opcode.opmap.items() if name in _ALLOWED)
_NUMBERED: list[tuple[str, str]] = getattr(opcode, "_nb_ops")  # noqa: B009  (its type is not told)
_GUARDED_OPERATORS = frozenset(
    place for place, (name, _) in enumerate(_NUMBERED) if "POWER" in name or "REMAINDER" in name
)
# Unary intrinsics: of 3.12 and 3.13 these numbers mean an error of a generator, unary plus, a tuple of a list.
_INTRINSICS = {"INTRINSIC_STOPITERATION_ERROR", "INTRINSIC_UNARY_POSITIVE", "INTRINSIC_LIST_TO_TUPLE"}
_INTRINSICS_2 = {"INTRINSIC_PREP_RERAISE_STAR"}
_ASYNCHRONOUS = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_OF_A_PATTERN = (opcode.opmap["COPY"], opcode.opmap["SWAP"])
_EXTENDED = opcode.opmap["EXTENDED_ARG"]
# What Python itself binds in the body of a class.
_OF_CLASSES = frozenset(
    {"__module__", "__qualname__", "__classcell__", "__static_attributes__", "__firstlineno__", "__class__"}
)
_MAY_BIND = METHODS | _OF_CLASSES
_MAY_NAME = READABLE_NAMES | _OF_CLASSES


class Unguarded(Exception):
    """The compiler let something through: a fault of the kit, which no program may run with."""


def check(code: CodeType) -> None:
    """Raises Unguarded where code, or a function in it, holds what the compiler should have guarded."""
    raw = code.co_code
    if not _CODES.issuperset(raw[::2]):
        unknown = sorted(opcode.opname[op] for op in set(raw[::2]) - _CODES)
        raise Unguarded(f"{code.co_filename}: {', '.join(unknown)} in {code.co_name}")
    if code.co_flags & _ASYNCHRONOUS:
        raise Unguarded(f"{code.co_filename}: {code.co_name} is asynchronous")
    _check_names(code)
    before: tuple[int, int] = (0, 0)  # the last two operations
    extended = 0
    for place in range(0, len(raw), 2):
        operation, argument = raw[place], raw[place + 1] | extended
        extended = argument << 8 if operation == _EXTENDED else 0
        problem = _PROBLEMS[operation](code, argument, before) if operation in _PROBLEMS else ""
        if problem:
            raise Unguarded(f"{code.co_filename}: {problem} in {code.co_name}")
        if operation:  # no cache
            before = before[1], operation
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            check(constant)
        elif isinstance(constant, complex):
            raise Unguarded(f"{code.co_filename}: a complex number in {code.co_name}")


def _check_names(code: CodeType) -> None:
    for name in code.co_names:
        if is_dunder(name) and name not in _MAY_NAME:
            raise Unguarded(f"{code.co_filename}: {name} in {code.co_name}")
    for name in (*code.co_cellvars, *code.co_freevars):
        if name.startswith(GUARD):
            raise Unguarded(f"{code.co_filename}: {name} is local in {code.co_name}")


def _binary(_: CodeType, argument: int, __: tuple[int, int]) -> str:
    return "an unguarded operator" if argument in _GUARDED_OPERATORS else ""


def _binding(code: CodeType, argument: int, _: tuple[int, int]) -> str:
    name = code.co_names[argument]
    return f"{name} is bound" if name.startswith(GUARD) or (is_dunder(name) and name not in _MAY_BIND) else ""


def _loaded(code: CodeType, argument: int, _: tuple[int, int]) -> str:
    """Guards are looked up in the namespace, never among local variables."""
    name = "".join(code.co_varnames[argument : argument + 1])  # beyond them come cells, which were looked at
    return "a guard is local" if name.startswith(GUARD) else ""


def _two_loaded(code: CodeType, argument: int, before: tuple[int, int]) -> str:
    return _loaded(code, argument >> 4, before) or _loaded(code, argument & 15, before)


def _deleted(_: CodeType, __: int, before: tuple[int, int]) -> str:
    """`case {"a": x, **rest}` takes the keys out of a copy that nobody else has."""
    return "" if before == _OF_A_PATTERN else "an unguarded deletion"


def _unary_intrinsic(_: CodeType, argument: int, __: tuple[int, int]) -> str:
    return "" if _intrinsic(1, argument) in _INTRINSICS else "an intrinsic"


def _binary_intrinsic(_: CodeType, argument: int, __: tuple[int, int]) -> str:
    return "" if _intrinsic(2, argument) in _INTRINSICS_2 else "an intrinsic"


def _intrinsic(arity: int, number: int) -> str:
    if sys.version_info < (3, 12):
        return ""
    descriptions: list[str] = getattr(opcode, f"_intrinsic_{arity}_descs")
    return descriptions[number]


_RULES: dict[str, Callable[[CodeType, int, tuple[int, int]], str]] = {
    "BINARY_OP": _binary,
    **dict.fromkeys(("STORE_NAME", "STORE_GLOBAL", "DELETE_NAME", "DELETE_GLOBAL"), _binding),
    **dict.fromkeys(("LOAD_FAST", "LOAD_FAST_CHECK"), _loaded),
    "LOAD_FAST_LOAD_FAST": _two_loaded,
    "DELETE_SUBSCR": _deleted,
    "CALL_INTRINSIC_1": _unary_intrinsic,
    "CALL_INTRINSIC_2": _binary_intrinsic,
}
_PROBLEMS = {opcode.opmap[name]: rule for name, rule in _RULES.items() if name in opcode.opmap}
