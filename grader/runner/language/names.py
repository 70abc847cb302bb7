"""Names that mean something to the language itself."""

from __future__ import annotations

GUARD = ":"  # guards in a program's namespace begin with this, which no identifier does
TEMPORARY = "~"  # what the compiler binds for a moment
RENAMED = "?"  # what a program binds under a name of the interpreter's own
FIELDS = "~fields"  # annotated names of a class body, in order: what a dataclass is made of

# Methods with double underscores that a class may define. Left out are those that torch calls in the middle of its
# own work (__index__, __float__: a list could change while torch reads it), those that change what an attribute, a
# class or an instance is, and those by which torch, numpy and copy treat an object as another.
_METHODS = """
__init__ __post_init__ __call__ __repr__ __str__ __len__ __getitem__ __setitem__ __delitem__ __iter__ __next__
__reversed__ __contains__ __enter__ __exit__ __bool__ __hash__ __format__ __add__ __radd__ __iadd__ __sub__
__rsub__ __isub__ __mul__ __rmul__ __imul__ __truediv__ __rtruediv__ __itruediv__ __floordiv__ __rfloordiv__
__mod__ __rmod__ __divmod__ __matmul__ __rmatmul__ __imatmul__ __pow__ __rpow__ __ipow__ __neg__ __pos__ __abs__
__invert__ __round__ __and__ __or__ __xor__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __doc__
"""
METHODS = frozenset(_METHODS.split())
READABLE_NAMES = METHODS | {"__name__", "__class__", "__debug__"}
READABLE = METHODS | {"__name__", "__qualname__"}  # as attributes of a program's own classes and functions


def is_dunder(name: str) -> bool:
    """Whether a name begins and ends with double underscores, and is more than underscores."""
    return name.startswith("__") and name.endswith("__") and bool(name.strip("_"))


def is_own_name(name: str) -> bool:
    """Whether a program bound this name, and not the language."""
    return name.isidentifier() and not is_dunder(name)
