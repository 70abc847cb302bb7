"""Values of the kit's own in a program: facades of modules, placeholders, hints, contexts that do nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from grader.runner.language.names import is_own_name
from grader.runner.language.refusal import refuse
from grader.runner.language.tables import REASONS

UNKNOWN = "it is not among what a step may use"


class Facade:
    """Stands for a module: its name, and those of its values that a program may have."""

    __slots__ = ("name", "real", "values")

    def __init__(self, name: str, values: Mapping[str, Any], real: object = None) -> None:
        self.name, self.values, self.real = name, values, real

    def __repr__(self) -> str:
        return f"<module {self.name!r}>"

    def __deepcopy__(self, _: object) -> Facade:
        return self

    def __copy__(self) -> Facade:
        return self

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a module cannot be copied")


class OwnValues(Mapping[str, Any]):
    """The names that a student's own file has bound so far, for its facade."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace

    def __getitem__(self, name: str) -> Any:
        if not is_own_name(name):
            raise KeyError(name)
        return self._namespace[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in list(self._namespace) if is_own_name(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Unavailable:
    """Stands for what is outside the language, and refuses when it is used."""

    __slots__ = ("instead", "line", "reason", "what")

    def __init__(self, what: str, reason: str = "", instead: str = "", line: int | None = None) -> None:
        if not reason:
            reason, instead = REASONS.get(what.rpartition(".")[2], (UNKNOWN, instead))
        self.what, self.reason, self.instead, self.line = what, reason, instead, line

    def refuse(self, part: str = "") -> NoReturn:
        """Ends the program that used it, or a part of it."""
        came = f" (imported in line {self.line})" if self.line else ""
        refuse(f"{self.what}{part}{came}", self.reason, self.instead)

    def __repr__(self) -> str:
        return f"<{self.what}: not available>"

    def _used(self, *_: object, **__: object) -> NoReturn:
        self.refuse()

    __call__ = __iter__ = __next__ = __len__ = __getitem__ = __enter__ = __exit__ = __bool__ = _used
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __matmul__ = _used
    __rmatmul__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __lt__ = __le__ = __gt__ = __ge__ = _used
    __contains__ = __or__ = __ror__ = __and__ = __rand__ = __copy__ = __deepcopy__ = __reduce_ex__ = _used


class Hint:
    """Any of typing's names: may be called, indexed, joined with `|`, and means nothing."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def __call__(self, *_: object, **__: object) -> Hint:
        return self

    def __getitem__(self, _: object) -> Hint:
        return self

    def __or__(self, _: object) -> Hint:
        return self

    __ror__ = __or__


class Kind:
    """What `type(x)` gives where a program may not have the class itself: it can be compared and shown."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<class {self.name!r}>"


class Nothing:
    """A context, or a decorator, that changes nothing: gradients are off as it is."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, function: Any) -> Any:
        return function


NOTHING = Nothing()


def gradients_off(name: str, *arguments: object, **options: object) -> Any:
    """`no_grad()`, `@no_grad`, `set_grad_enabled(False)` do nothing; what would turn gradients on refuses."""
    values = (*arguments, *options.values())
    if len(values) == 1 and callable(values[0]) and not isinstance(values[0], bool):
        return values[0]
    wanted = name == "inference_mode"
    if any(bool(value) is not wanted for value in values):
        refuse(f"{name}({values[0]})", REASONS["autograd"][0])
    return NOTHING


def context(name: str) -> Callable[..., Any]:
    """The context of that name, as a function."""

    def made(*arguments: object, **options: object) -> Any:
        return gradients_off(name, *arguments, **options)

    made.__name__ = made.__qualname__ = name
    return made
