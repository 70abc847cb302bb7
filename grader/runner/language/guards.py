"""The guards: what a program does with attributes, items, classes and texts is decided here, by exact types.

An attribute may be read if the tables have its name for this very type, or if the program itself put it there: on
objects and classes of its own, on its own functions. A name that the real type does not know either is an ordinary
AttributeError. Everything else is refused.
"""

from __future__ import annotations

import _string  # type: ignore[import-not-found]
import collections.abc
import functools
import operator
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType, UnionType
from typing import Any, NoReturn

import torch
from torch import Tensor

from grader.names import did_you_mean
from grader.runner.language.classes import OWN, EnumClass, is_frozen, places_of
from grader.runner.language.names import METHODS, READABLE, is_dunder, is_own_name
from grader.runner.language.refusal import MARK, current_text, refuse
from grader.runner.language.tables import REASONS, TABLES
from grader.runner.language.values import UNKNOWN, Facade, Hint, Kind, Nothing, Unavailable

_UNDERSCORES = "names with double underscores reach into Python itself"
_PRIVATE = "private names are not part of torch's interface"
_DTYPE_TEXTS = frozenset(
    f"torch.{name}Tensor"
    for name in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
)
# Classes that a program may hold, and call: what `type(x)` gives of other values can only be compared and shown.
_CLASSES = frozenset(
    {
        *(int, float, bool, str, list, tuple, dict, set, frozenset, range, slice, bytes, type(None), object, Tensor),
        *(kind for kind in TABLES if issubclass(kind, Exception)),
    }
)


def get(thing: Any, name: str) -> Any:
    """thing.name"""
    kind = type(thing)
    words = TABLES.get(kind)
    if words is not None:
        if name in words:
            return getattr(thing, name)
        special = _SPECIAL.get((kind, name))
        return special(thing) if special else _missing(thing, kind, name)
    if kind is Facade:
        return _of_module(thing, name)
    if kind in OWN:
        return _of_object(thing, kind, name)
    if kind is FunctionType:
        return _of_function(thing, name)
    if isinstance(thing, type):
        return _of_class(thing, name)
    if kind is Unavailable:
        thing.refuse(f".{name}")
    if kind is SuperOf:
        return _of_super(thing, name)
    if kind is Hint:
        return thing
    if kind in (Kind, type(type_of)) and name in ("__name__", "__qualname__"):
        return getattr(thing, "name", "type")
    return _missing(thing, kind, name)


def _of_module(module: Facade, name: str) -> Any:
    try:
        value = module.values[name]
    except KeyError:
        pass
    else:
        if type(value) is Unavailable:
            value.refuse()
        return of_case(value)
    if name == "__name__":
        return module.name
    if module.name == "numpy" and hasattr(module.real, name):
        refuse(current_text() or f"numpy.{name}", *REASONS["numpy"])
    if is_dunder(name) or hasattr(module.real, name):
        _refuse_name(name)
    raise AttributeError(f"module '{module.name}' has no attribute '{name}'{did_you_mean(name, module.values)}")


def _of_object(thing: Any, kind: type, name: str) -> Any:
    if is_dunder(name):
        if name == "__class__":
            return kind
        if name == "__dict__":
            return attributes_of(thing)
        if name not in READABLE or not _class_has(kind, name):
            _refuse_name(name)
        return getattr(thing, name)
    if (name in thing.__dict__ and not hasattr(kind, name)) or _class_has(kind, name):
        return getattr(thing, name)
    return _missing(thing, kind, name)


def _class_has(kind: type, name: str) -> bool:
    """Whether a class has a name by its own body, or that of a class it is derived from."""
    return _is_found(name, kind.__mro__)


def _is_found(name: str, order: Iterable[type]) -> bool:
    """Whether the first of these classes that has a name may give it."""
    first = next((base for base in order if name in base.__dict__), object)
    return first in OWN or name in TABLES.get(first, ())


def _of_function(function: Any, name: str) -> Any:
    if name in ("__name__", "__qualname__", "__doc__"):
        return getattr(function, name)
    if is_own(function) and name in function.__dict__ and not is_dunder(name):
        return function.__dict__[name]
    return _missing(function, FunctionType, name)


def _of_class(kind: type, name: str) -> Any:
    if name in ("__name__", "__qualname__", "__doc__"):
        return getattr(kind, name)
    if kind in OWN:
        if (not is_dunder(name) or name in READABLE) and _class_has(kind, name):
            return getattr(kind, name)
        if name == "__init__":  # of a base without one
            return getattr(kind, name)
        if not is_dunder(name) and not hasattr(kind, name):
            known = [word for base in kind.__mro__ if base in OWN for word in vars(base) if is_own_name(word)]
            raise AttributeError(f"type object '{kind.__name__}' has no attribute '{name}'{did_you_mean(name, known)}")
        _refuse_name(name)
    if name in TABLES.get(kind, ()):
        return getattr(kind, name)
    if kind is Tensor and name == "float":
        return _as_float
    if name == "__init__" and issubclass(kind, Exception) and kind in TABLES:
        return getattr(kind, name)
    if hasattr(kind, name):
        _refuse_name(name)
    raise AttributeError(
        f"type object '{kind.__name__}' has no attribute '{name}'{did_you_mean(name, TABLES.get(kind, ()))}"
    )


def _missing(thing: Any, kind: type, name: str) -> NoReturn:
    """An attribute that no table has: unknown to Python too, or refused."""
    if name == "__class__" and kind in TABLES:
        refuse(current_text() or ".__class__", _UNDERSCORES, "write type(x)")
    if is_dunder(name) or hasattr(kind, name):
        _refuse_name(name)
    if kind in OWN:
        known = {*thing.__dict__, *(word for base in kind.__mro__ if base in OWN for word in vars(base))}
    else:
        known = set(TABLES.get(kind, ()))
    near = did_you_mean(name, filter(is_own_name, known))
    raise AttributeError(f"'{kind.__name__}' object has no attribute '{name}'{near}")


def _refuse_name(name: str) -> NoReturn:
    what = current_text() or f".{name}"
    if what.startswith("f'") or not what.isprintable():
        what = f".{name}"
    if name in REASONS:
        refuse(what, *REASONS[name])
    if is_dunder(name):
        refuse(what, _UNDERSCORES)
    if name.startswith("_"):
        refuse(what, _PRIVATE)
    refuse(what, UNKNOWN)


def is_own(function: Any) -> bool:
    """Whether the program defined this function."""
    return type(function) is FunctionType and MARK in function.__globals__


# Reading attributes in other ways


def get_attribute(thing: Any, name: Any, *default: Any) -> Any:
    """getattr"""
    if type(name) is not str:
        raise TypeError("attribute name must be string")
    try:
        return get(thing, name)
    except AttributeError:
        if default:
            return default[0]
        raise


def has_attribute(thing: Any, name: Any) -> bool:
    """hasattr"""
    try:
        get_attribute(thing, name)
    except AttributeError:
        return False
    return True


class Attributes(dict[str, Any]):
    """vars(thing): a copy of its attributes, which sets on the thing what is set here."""

    __slots__ = ("_thing",)

    def __init__(self, thing: Any) -> None:
        super().__init__({name: value for name, value in thing.__dict__.items() if is_own_name(name)})
        self._thing = thing

    def __setitem__(self, name: str, value: Any) -> None:
        set_attribute(self._thing, name, value)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        delete(self._thing, name)
        super().__delitem__(name)

    def update(self, *others: Any, **named: Any) -> None:
        for name, value in dict(*others, **named).items():
            self[name] = value

    def __ior__(self, other: Any) -> Attributes:  # type: ignore[override, misc]
        self.update(other)
        return self

    def __reduce_ex__(self, _: object) -> Any:
        return dict, (dict(self),)


TABLES[Tensor] -= {"float"}  # it is special, below
TABLES[Attributes] = frozenset({"items", "keys", "values", "get", "update", "copy"})


def attributes_of(thing: Any) -> Any:
    """vars(thing)"""
    kind = type(thing)
    if kind in OWN or is_own(thing):
        return Attributes(thing)
    if kind is Facade or kind is Unavailable or kind in TABLES or isinstance(thing, type):
        refuse("vars", REASONS["globals"][0])
    raise TypeError("vars() argument must have __dict__ attribute")


class SuperOf:
    """super(): what a method of a program's own class finds behind itself."""

    __slots__ = ("after", "thing")

    def __init__(self, after: type, thing: Any) -> None:
        self.after, self.thing = after, thing


def super_of(after: Any, thing: Any) -> Any:
    """super(after, thing)"""
    if after not in OWN or not isinstance(thing, after if not isinstance(thing, type) else type):
        raise TypeError("super(type, obj): obj must be an instance or subtype of type")
    return SuperOf(after, thing)


_OF_OBJECT = frozenset({"__init__", "__repr__", "__str__", "__eq__", "__ne__", "__hash__"})


def _of_super(found: SuperOf, name: str) -> Any:
    kind = found.thing if isinstance(found.thing, type) else type(found.thing)
    order = kind.__mro__
    behind = order[order.index(found.after) + 1 :]
    if name in _OF_OBJECT or ((not is_dunder(name) or name in READABLE) and _is_found(name, behind)):
        return getattr(super(found.after, found.thing), name)
    if is_dunder(name) or hasattr(object, name):
        _refuse_name(name)
    raise AttributeError(f"'super' object has no attribute '{name}'")


# Changing attributes


def set_(value: Any, thing: Any, name: str) -> None:
    """thing.name = value"""
    kind = type(thing)
    if kind in OWN:
        if is_frozen(kind):
            raise AttributeError(f"cannot assign to field '{name}'")
        if not is_dunder(name):
            setattr(thing, name, value)
            return
    elif is_own(thing):
        if not is_dunder(name):
            setattr(thing, name, value)
            return
    elif kind is type and thing in OWN:
        if not is_dunder(name) or name in METHODS:
            setattr(thing, name, value)
            return
    elif kind is Tensor:
        _set_on_tensor(thing, name, value)
        return
    elif kind is Unavailable:
        thing.refuse(f".{name}")
    elif kind in TABLES and not hasattr(kind, name):
        raise AttributeError(f"'{kind.__name__}' object has no attribute '{name}'")
    refuse(f"{current_text() or f'.{name}'} = ...", "it changes what is not the step's own")


def _set_on_tensor(tensor: Tensor, name: str, value: Any) -> None:
    if name == "data" and type(value) is Tensor:
        tensor.data = value
    elif (name == "grad" and value is None) or (name == "requires_grad" and value is False):
        return  # as it is
    elif name in REASONS:
        _refuse_name(name)
    else:
        refuse(f"{current_text() or f'.{name}'} = ...", "it changes what is not the step's own")


def set_attribute(thing: Any, name: Any, value: Any) -> None:
    """setattr"""
    if type(name) is not str:
        raise TypeError("attribute name must be string")
    if not (is_own_name(name) or name in METHODS):
        refuse(f"setattr(..., {name!r}, ...)"[:80], _UNDERSCORES)
    set_(value, thing, name)


def delete(thing: Any, name: Any) -> None:
    """del thing.name"""
    kind = type(thing)
    if type(name) is str and not is_dunder(name):
        if (kind in OWN and not is_frozen(kind)) or is_own(thing) or (kind is type and thing in OWN):
            delattr(thing, name)
            return
        if kind is Tensor and name == "grad":
            _refuse_name(name)
    refuse(f"del {current_text() or f'.{name}'}"[:80], "it changes what is not the step's own")


def held(thing: Any, name: str) -> tuple[Any, str, Any]:
    """An attribute that is about to be changed by an operator."""
    return thing, name, get(thing, name)


def changed_attribute(by: str, held_one: tuple[Any, str, Any], value: Any) -> None:
    """thing.name += value"""
    thing, name, now = held_one
    set_(_IN_PLACE[by](now, value), thing, name)


# Items and iteration


def item(thing: Any, index: Any) -> Any:
    """thing[index]"""
    kind = type(thing)
    if kind is Tensor:
        return thing[settled_index(index)]
    if kind in TABLES or kind in OWN or kind in (Hint, EnumClass):
        return thing[index]
    if isinstance(thing, type) or kind is type(type_of):  # list[int], in a hint that is no annotation
        return thing
    return _unfit(thing, "is not subscriptable")


def set_item(value: Any, thing: Any, index: Any) -> None:
    """thing[index] = value"""
    known_container(thing)[settled_index(index) if type(thing) is Tensor else index] = value


def delete_item(thing: Any, index: Any) -> None:
    """del thing[index]"""
    del known_container(thing)[index]


def held_item(thing: Any, index: Any) -> tuple[Any, Any, Any]:
    """An item that is about to be changed by an operator."""
    index = settled_index(index) if type(thing) is Tensor else index
    return thing, index, item(thing, index)


def changed_item(by: str, held_one: tuple[Any, Any, Any], value: Any) -> None:
    """thing[index] += value"""
    thing, index, now = held_one
    known_container(thing)[index] = _IN_PLACE[by](now, value)


def known_container(thing: Any) -> Any:
    """A thing whose items may be changed, as Python has it; facades and classes have none."""
    kind = type(thing)
    return thing if kind in TABLES or kind in OWN else _unfit(thing, "does not support item assignment")


def iterated(thing: Any) -> Any:
    """What is gone through, unpacked, or given as star arguments."""
    kind = type(thing)
    return thing if kind in TABLES or kind in OWN or kind is EnumClass else _unfit(thing, "is not iterable")


def mapping(thing: Any) -> Any:
    """What is given as `**options`."""
    kind = type(thing)
    if not (kind in OWN or (kind in TABLES and issubclass(kind, dict))):
        _unfit(thing, "is no mapping, as an argument after ** must be")
    made = dict(thing)
    if made.get("requires_grad"):
        no_grad(True)
    return made


def known(thing: Any) -> Any:
    """What `match` looks at."""
    if type(thing) is Unavailable:
        thing.refuse()
    return thing


def managed(thing: Any) -> Any:
    """What a `with` statement enters."""
    kind = type(thing)
    return thing if kind in OWN or kind is Nothing else _unfit(thing, "does not support the context manager protocol")


def _unfit(thing: Any, problem: str) -> NoReturn:
    """A thing that an operation does not take: an error, or a refusal of what is outside the language."""
    raise TypeError(f"'{type(known(thing)).__name__}' object {problem}")


# What torch reads. It holds on to lists while it goes through them, so no code of the program may run in between.

_PLAIN_INDICES = frozenset({int, slice, bool, Tensor, range, type(None), type(...)})


def settled(data: Any) -> Any:
    """A copy of nested sequences, in which a program's own ones are lists."""
    kind = type(data)
    if issubclass(kind, tuple):
        return tuple(map(settled, tuple.__iter__(data)))
    if kind in (list, collections.deque) or (kind in OWN and hasattr(data, "__getitem__")):
        return list(map(settled, data))
    return data


def settled_index(index: Any) -> Any:
    """An index of a tensor: nearly always one that is no sequence, or a tuple of these."""
    kind = type(index)
    if kind in _PLAIN_INDICES or (kind is tuple and _PLAIN_INDICES.issuperset(map(type, index))):
        return index
    return settled(index)


def reading(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of torch that takes nested sequences."""

    @functools.wraps(function, updated=())
    def read(*values: Any, **options: Any) -> Any:
        return function(*map(settled, values), **{name: settled(value) for name, value in options.items()})

    return read


# Classes that make tensors of lists. Tensor itself stays what it is, because programs ask whether they have one.
Tensor.__new__ = staticmethod(reading(Tensor.__new__))  # type: ignore[method-assign]
LEGACY = {name: reading(getattr(torch, name)) for name in (text.removeprefix("torch.") for text in _DTYPE_TEXTS)}


# Numbers and texts


def power(base: Any, exponent: Any, *modulus: Any) -> Any:
    """base ** exponent, where it is no complex number."""
    return _real(pow(base, exponent, *modulus))


def _power_in_place(base: Any, exponent: Any) -> Any:
    base **= exponent
    return _real(base)


def _real(result: Any) -> Any:
    if type(result) is complex:
        refuse("a complex number (a negative number to a fractional power)", *REASONS["complex"])
    return result


def remainder(left: Any, right: Any) -> Any:
    """left % right"""
    if type(right) is Unavailable:
        right.refuse()
    return left % right


def changed(by: str, now: Any, value: Any) -> Any:
    """What `now **= value` and `now %= value` give."""
    return _IN_PLACE[by](now, value)


def shown(value: Any, conversion: int, spec: str) -> str:
    """A field of an f-string."""
    if type(value) is Unavailable:
        value.refuse()
    if conversion == ord("r"):
        value = repr(value)
    elif conversion == ord("s"):
        value = str(value)
    elif conversion == ord("a"):
        value = ascii(value)
    return format(value, spec)


def joined(*parts: str) -> str:
    """The parts of an f-string."""
    return "".join(parts)


_IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.iadd, "Sub": operator.isub, "Mult": operator.imul, "Div": operator.itruediv,
    "FloorDiv": operator.ifloordiv, "Mod": operator.imod, "Pow": _power_in_place, "MatMult": operator.imatmul,
    "LShift": operator.ilshift, "RShift": operator.irshift, "BitAnd": operator.iand, "BitOr": operator.ior,
    "BitXor": operator.ixor,
}  # fmt: skip


# Types


def type_of(thing: Any, *more: Any) -> Any:
    """type(thing), with one argument."""
    if more:
        refuse("type with three arguments", "it makes classes; write a class statement")
    kind = type(thing)
    if kind is Unavailable:
        thing.refuse()
    if isinstance(thing, type):
        return type_of
    return kind if kind in _CLASSES or kind in OWN else _KINDS.setdefault(kind, Kind(kind.__name__))


_KINDS: dict[type, Kind] = {}


def is_instance(thing: Any, classes: Any) -> bool:
    """isinstance"""
    return isinstance(thing, _real_classes(classes))


def is_subclass(kind: Any, classes: Any) -> bool:
    """issubclass"""
    return issubclass(type if kind is type_of else kind, _real_classes(classes))


def _real_classes(classes: Any) -> Any:
    if classes is type_of:
        return type
    if type(classes) is tuple:
        return tuple(map(_real_classes, classes))
    if type(classes) is Unavailable:
        classes.refuse()
    if id(classes) in _TENSOR_TYPES:
        return classes.__wrapped__
    if type(classes) is Hint:  # Sequence, Callable and their like
        classes = getattr(collections.abc, repr(classes), classes)
    if isinstance(classes, type | UnionType):
        return classes
    raise TypeError("isinstance() arg 2 must be a type, a tuple of types, or a union")


def part(thing: Any, kind: Any, key: int | str) -> Any:
    """What a class pattern compares: an attribute, by its name or by its place among those of the class."""
    if isinstance(key, str):
        return get(thing, key)
    names = places_of(kind)
    if key == 0 and kind in _WHOLE:
        return thing
    if not key < len(names):
        raise TypeError(f"{kind.__name__}() accepts {len(names)} positional sub-patterns")
    return get_attribute(thing, names[key])


_WHOLE = (int, float, bool, str, list, tuple, dict, set, frozenset, bytes)


# Special attributes of tensors


def no_grad(value: Any) -> bool:
    """What may be given for `requires_grad=`."""
    if value:
        refuse("requires_grad=True", *REASONS["requires_grad"])
    return False


def of_case(value: Any) -> Any:
    """The value, but for `torch.float32`: that is the type of what a program is given, which is torch's default.

    So a one-hot `.float()` loses nothing in a case of float64, and a difference quotient gains nothing.
    """
    return torch.get_default_dtype() if value is torch.float32 else value


def _as_float(tensor: Tensor, **options: Any) -> Tensor:
    """Tensor.float"""
    return tensor.to(of_case(torch.float32), **options)


def _kind_of(tensor: Tensor) -> Callable[..., Any]:
    def kind(dtype: Any = None, non_blocking: bool = False) -> Any:
        if dtype is None:
            return tensor.type()
        if not (type(dtype) is torch.dtype or (type(dtype) is str and dtype in _DTYPE_TEXTS)):
            dtype = _TENSOR_TYPES.get(id(dtype))
        if dtype is None:
            refuse(".type of something else than a dtype", "a text may name any kind", "write .to(torch.float32)")
        return tensor.type(of_case(torch.float32 if dtype == "torch.FloatTensor" else dtype), non_blocking=non_blocking)

    return kind


_TENSOR_TYPES = {id(made): f"torch.{name}" for name, made in LEGACY.items()}


def _resize_(tensor: Tensor) -> Callable[..., Tensor]:
    def resize_(*sizes: Any) -> Tensor:
        size = torch.Size(sizes if len(sizes) != 1 or type(sizes[0]) is int else sizes[0])
        if size.numel() > tensor.numel():
            refuse(".resize_ to a larger size", *REASONS["resize_"])
        return tensor.resize_(size)

    return resize_


def _requires_grad_(tensor: Tensor) -> Callable[..., Tensor]:
    def requires_grad_(requires_grad: bool = True, *, mode: bool = True) -> Tensor:
        no_grad(requires_grad and mode)
        return tensor

    return requires_grad_


def _reader(name: str) -> Callable[[Tensor], Any]:
    return lambda tensor: reading(getattr(tensor, name))


class _Formatter(string.Formatter):
    """str.format, whose fields read attributes and items as the program would."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        first, steps = _string.formatter_field_name_split(field_name)
        thing = self.get_value(first, args, kwargs)
        for is_attribute, name in steps:
            thing = get(thing, name) if is_attribute else item(thing, name)
        return known(thing), first


_FORMATTER = _Formatter()


def _format_of(text: str) -> Callable[..., str]:
    return lambda *values, **named: _FORMATTER.vformat(text, values, named)


_SPECIAL: dict[tuple[type, str], Callable[[Any], Any]] = {
    (str, "format"): _format_of,
    (Tensor, "type"): _kind_of,
    (Tensor, "float"): lambda tensor: functools.partial(_as_float, tensor),
    (Tensor, "resize_"): _resize_,
    **{(Tensor, name): _reader(name) for name in ("new_tensor", "__getitem__", "__setitem__")},
    (Tensor, "requires_grad_"): _requires_grad_,
    (Tensor, "requires_grad"): lambda _: False,
}
