"""A submission's raw name as the name of its folder in DIR/submissions."""

from __future__ import annotations

import hashlib
import re
import unicodedata

MAX_LENGTH = 100
_MAX_BYTES = 200  # file systems count bytes, and a letter may take four of them
_KEPT_SIGNS = frozenset("-_., ()@+~'")
_HASH_LENGTH = 12
_ENDS_LIKE_A_HASH = re.compile(rf"~[0-9a-f]{{{_HASH_LENGTH}}}\Z", re.IGNORECASE)


def safe_name(name: str) -> str:
    """`name` itself where it is harmless as a folder's name; else what is harmless of it, and a hash of the whole.

    Different names give different folders: a changed name ends in ~ and a hash of the raw
    one, and a raw name that ends like this counts as changed.
    """
    harmless = _harmless(name)
    if harmless == name and not _ENDS_LIKE_A_HASH.search(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    return f"{harmless[: MAX_LENGTH - _HASH_LENGTH - 1]}~{digest}"


def _harmless(name: str) -> str:
    """Letters, marks, digits and a few signs; not empty, not too long, no dot, dash or space where it matters."""
    composed = unicodedata.normalize("NFC", name)  # some file systems take both forms for one name
    signs = "".join(sign if _is_kept(sign) else "_" for sign in composed)[:MAX_LENGTH]
    short = signs.encode()[:_MAX_BYTES].decode(errors="ignore")
    return short.lstrip(".-~ ").rstrip(". ") or "unnamed"


def _is_kept(sign: str) -> bool:
    return sign in _KEPT_SIGNS or unicodedata.category(sign)[0] in "LMN"
