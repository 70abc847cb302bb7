"""Classes of a program: which they are, how they are made, dataclasses and named tuples.

Python's own dataclass and namedtuple make code of texts; these do not.
"""

from __future__ import annotations

import builtins
import copy
from collections import namedtuple as _python_namedtuple
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from grader.runner.language.names import FIELDS, METHODS, RENAMED, is_own_name
from grader.runner.language.refusal import refuse
from grader.runner.language.tables import TABLES
from grader.runner.language.values import Hint, Unavailable

OWN: set[type] = set()  # the classes that programs of this process have made
_FROZEN: set[type] = set()
_TUPLES: set[type] = set()  # what namedtuple has made
_MISSING: Any = object()
_MOST_FIELDS = 200
NAMED_TUPLE, TYPED_DICT = Hint("NamedTuple"), Hint("TypedDict")
ENUM, INT_ENUM = Hint("Enum"), Hint("IntEnum")
_ROOTS: dict[Any, type] = {ENUM: object, INT_ENUM: int}
_TUPLE_WORDS = frozenset({"_replace", "_asdict", "_fields", "_make", "count", "index"})
_build: Callable[..., type] = builtins.__build_class__


def build_class(function: Any, name: str, *bases: Any, **options: Any) -> Any:
    """What a `class` statement calls."""
    if type(options.get("metaclass")) is Hint:  # ABCMeta
        del options["metaclass"]
    if options and set(options) != {"total"}:
        refuse(f"class {name}({next(iter(options))}=...)", "it changes how Python makes classes")
    real = tuple(base for base in bases if type(base) is not Hint)
    for base in real:
        if type(base) is Unavailable:
            base.refuse()
        if not (isinstance(base, type) and (base in OWN or base in _TUPLES or base is object or _is_error(base))):
            reason = "a class of a step is derived from its own classes and exceptions"
            refuse(f"class {name}({_shown(base)})", reason, "keep what you would derive from in an attribute")
    if any(base is NAMED_TUPLE for base in bases):
        return _named_tuple_of(_build(function, name))
    if any(base is TYPED_DICT for base in bases):
        return dict
    for base in bases:
        if base in _ROOTS or type(base) is EnumClass:
            return _enum_of(_build(function, name), _ROOTS.get(base, base))
    made = _build(function, name, *real)
    OWN.add(made)
    return made


def is_frozen(kind: type) -> bool:
    """Whether a class is a dataclass with frozen=True."""
    return kind in _FROZEN


def _is_error(kind: type) -> bool:
    return issubclass(kind, Exception) and kind in TABLES


def _shown(value: object) -> str:
    return value.__name__ if isinstance(value, type) else type(value).__name__


# Named tuples


def named_tuple(typename: str, field_names: Any, *, rename: bool = False, defaults: Any = None) -> type:
    """collections.namedtuple."""
    if type(field_names) is str:
        field_names = field_names.replace(",", " ").split()
    names = [str(name) for name in field_names]
    return _tuple_class(typename, names, tuple(defaults or ()), rename)


def _named_tuple_of(body: type) -> type:
    """The class that `class A(NamedTuple)` stands for: fields in order, their defaults, methods."""
    names = list(vars(body).get(FIELDS, ()))
    defaults = tuple(vars(body)[name] for name in names if name in vars(body))
    base = _tuple_class(body.__name__, names, defaults, False)
    methods = {
        name: value for name, value in vars(body).items() if name not in (*names, FIELDS, "__dict__", "__weakref__")
    }
    made = type(body.__name__, (base,), methods)
    OWN.add(made)
    return made


def _tuple_class(typename: object, names: list[str], defaults: tuple[Any, ...], rename: bool) -> type:
    if type(typename) is not str or not is_own_name(typename):
        raise ValueError(f"a named tuple cannot be called {typename!r}")
    if len(names) > _MOST_FIELDS or not (rename or all(map(is_own_name, names))):
        raise ValueError("the fields of a named tuple are names")
    made: type = _python_namedtuple(typename, names, rename=bool(rename), defaults=defaults)  # type: ignore[misc, arg-type]
    made.__module__ = "submission"
    _TUPLES.add(made)
    TABLES[made] = _TUPLE_WORDS | frozenset(made._fields)
    return made


# Enumerations


class EnumClass(type):
    """An enumeration of a program: its members, by name, by value and in order."""

    __members__: dict[str, Any]

    def __iter__(cls) -> Iterator[Any]:
        return iter(dict.fromkeys(cls.__members__.values()))

    def __len__(cls) -> int:
        return len(set(cls.__members__.values()))

    def __contains__(cls, thing: object) -> bool:
        return type(thing) is cls or any(one.value == thing for one in cls)

    def __getitem__(cls, name: str) -> Any:
        return cls.__members__[name]

    def __call__(cls, value: Any) -> Any:
        for one in cls:
            if one is value or one.value == value:
                return one
        raise ValueError(f"{value!r} is not a valid {cls.__name__}")

    def __repr__(cls) -> str:
        return f"<enum {cls.__name__!r}>"


class Auto:
    """enum.auto"""


def _enum_of(body: type, root: Any) -> type:
    """The class that `class A(Enum)` stands for: one object for each value of its body, and methods."""
    values = {
        name: value
        for name, value in vars(body).items()
        if is_own_name(name) and not name.startswith("_") and not hasattr(value, "__get__")
    }
    methods = {name: value for name, value in vars(body).items() if name in METHODS or name not in values}
    for name in ("__dict__", "__weakref__"):
        methods.pop(name, None)
    show = {
        "__repr__": lambda self: f"<{self}: {self.value!r}>",
        "__str__": lambda self: f"{body.__name__}.{self.name}",
    }
    made: Any = EnumClass(body.__name__, (root,), {"__hash__": root.__hash__, **show, **methods})
    OWN.add(made)
    made.__members__, last = {}, 0
    for name, value in values.items():
        last = value = last + 1 if value is Auto or type(value) is Auto else value
        one = next((one for one in made.__members__.values() if one.value == value), None)
        if one is None:
            one = root.__new__(made, value) if issubclass(root, int) else root.__new__(made)
            one.name, one.value = name, value
            if "__init__" in methods:
                one.__init__(*value if isinstance(value, tuple) else (value,))
        made.__members__[name] = one
        setattr(made, name, one)
    return made  # type: ignore[no-any-return]


# Dataclasses


class Field:
    """dataclasses.field."""

    __slots__ = ("compare", "default", "factory", "init", "kw_only", "name", "repr")

    def __init__(self, default: Any, factory: Any, init: bool, show: bool, compare: bool, kw_only: bool) -> None:
        self.name = ""
        self.default, self.factory, self.init = default, factory, init
        self.repr, self.compare, self.kw_only = show, compare, kw_only

    def value(self) -> Any:
        """Its default."""
        return self.factory() if self.factory is not _MISSING else self.default

    @property
    def has_default(self) -> bool:
        return self.default is not _MISSING or self.factory is not _MISSING


def field(
    *, default: Any = _MISSING, default_factory: Any = _MISSING, init: bool = True, repr: bool = True,
    compare: bool = True, kw_only: bool = False, hash: Any = None, metadata: Any = None,
) -> Any:  # fmt: skip
    """dataclasses.field."""
    del hash, metadata
    return Field(default, default_factory, init, repr, compare, kw_only)


_FIELDS_OF: dict[type, tuple[Field, ...]] = {}


def dataclass(
    cls: Any = None, /, *, init: bool = True, repr: bool = True, eq: bool = True, order: bool = False,
    frozen: bool = False, kw_only: bool = False, unsafe_hash: bool = False, slots: bool = False,
    match_args: bool = True, weakref_slot: bool = False,
) -> Any:  # fmt: skip
    """dataclasses.dataclass, without code made of texts."""
    del slots, match_args, weakref_slot

    def made(kind: Any) -> Any:
        if kind not in OWN:
            raise TypeError("dataclass takes a class of the file's own")
        found = _FIELDS_OF[kind] = _fields_of(kind, kw_only)
        if init and "__init__" not in vars(kind):
            kind.__init__ = _init_of(kind, found)
        if repr and "__repr__" not in vars(kind):
            kind.__repr__ = lambda self: (
                f"{kind.__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in found if f.repr)})"
            )
        if eq and "__eq__" not in vars(kind):
            kind.__eq__ = lambda self, other: (
                _compared(self, found) == _compared(other, found) if type(other) is type(self) else NotImplemented
            )
            kind.__hash__ = (lambda self: hash(_compared(self, found))) if frozen or unsafe_hash else None
        if order:
            for name, compare in _ORDERS.items():
                setattr(kind, name, _ordered(compare, found))
        if frozen:
            _FROZEN.add(kind)
        return kind

    return made if cls is None else made(cls)


def fields(thing: Any) -> tuple[Field, ...]:
    """dataclasses.fields."""
    kind = thing if isinstance(thing, type) else type(thing)
    if kind not in _FIELDS_OF:
        raise TypeError("it is no dataclass")
    return _FIELDS_OF[kind]


def places_of(kind: Any) -> tuple[Any, ...]:
    """The attributes that patterns of a class name by place: `__match_args__`, fields."""
    if kind not in OWN and kind not in _TUPLES:
        return ()
    fields_of = (one.name for one in _FIELDS_OF.get(kind, ()) if one.init and not one.kw_only)
    return tuple(getattr(kind, f"{RENAMED}__match_args__", ()) or fields_of) or getattr(kind, "_fields", ())


def replace(thing: Any, /, **changes: Any) -> Any:
    """dataclasses.replace."""
    kept = {f.name: getattr(thing, f.name) for f in fields(thing) if f.init and f.name not in changes}
    return type(thing)(**kept, **changes)


def as_dict(thing: Any, *, dict_factory: Callable[..., Any] = dict) -> Any:
    """dataclasses.asdict."""
    return dict_factory([(f.name, _plain(getattr(thing, f.name), as_dict)) for f in fields(thing)])


def as_tuple(thing: Any, *, tuple_factory: Callable[..., Any] = tuple) -> Any:
    """dataclasses.astuple."""
    return tuple_factory([_plain(getattr(thing, f.name), as_tuple) for f in fields(thing)])


def _plain(value: Any, convert: Callable[[Any], Any]) -> Any:
    if type(value) in _FIELDS_OF:
        return convert(value)
    if type(value) in (list, tuple):
        return type(value)(_plain(one, convert) for one in value)
    if type(value) is dict:
        return {key: _plain(one, convert) for key, one in value.items()}
    return copy.deepcopy(value)


def _fields_of(kind: type, kw_only: bool) -> tuple[Field, ...]:
    found: dict[str, Field] = {}
    for base in reversed(kind.__mro__[1:]):
        found.update({one.name: one for one in _FIELDS_OF.get(base, ())})
    for name in vars(kind).get(FIELDS, ()):
        default = vars(kind).get(name, _MISSING)
        one = default if isinstance(default, Field) else Field(default, _MISSING, True, True, True, kw_only)
        one.name = name
        if isinstance(default, Field):
            if default.default is _MISSING:
                delattr(kind, name)
            else:
                setattr(kind, name, default.default)
        elif type(default) in (list, dict, set):
            raise ValueError(f"mutable default {type(default)} for field {name} is not allowed: use default_factory")
        found[name] = one
    return tuple(found.values())


def _init_of(kind: type, found: tuple[Field, ...]) -> Callable[..., None]:
    taken = [one for one in found if one.init]
    by_place = [one.name for one in taken if not one.kw_only]
    known = {one.name for one in taken}

    def __init__(self: Any, /, *values: Any, **named: Any) -> None:
        if len(values) > len(by_place):
            raise TypeError(
                f"{kind.__name__}() takes {len(by_place)} positional arguments but {len(values)} were given"
            )
        given = dict(zip(by_place, values, strict=False))
        for name, value in named.items():
            if name in given or name not in known:
                kinds = "multiple values for" if name in given else "an unexpected keyword"
                raise TypeError(f"{kind.__name__}() got {kinds} argument {name!r}")
            given[name] = value
        missing = [one.name for one in taken if one.name not in given and not one.has_default]
        if missing:
            raise TypeError(f"{kind.__name__}() is missing {', '.join(missing)}")
        for one in found:
            if one.name in given or one.has_default:
                object.__setattr__(self, one.name, given[one.name] if one.name in given else one.value())
        after = getattr(type(self), "__post_init__", None)
        if after is not None:
            after(self)

    return __init__


def _compared(thing: Any, found: Iterable[Field]) -> tuple[Any, ...]:
    return tuple(getattr(thing, one.name) for one in found if one.compare)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "__lt__": lambda a, b: a < b,
    "__le__": lambda a, b: a <= b,
    "__gt__": lambda a, b: a > b,
    "__ge__": lambda a, b: a >= b,
}


def _ordered(compare: Callable[[Any, Any], bool], found: tuple[Field, ...]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return compare(_compared(self, found), _compared(other, found))

    return method


TABLES[Field] = frozenset({"name", "default", "init", "repr", "compare"})
TABLES[Auto] = frozenset()
