"""Templates -> pages and parts of pages. What a template shows is cleaned and escaped here, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from grader.report.looks import LOOKS, clean
from grader.results.gradebook import number


def render(template: str, **values: Any) -> str:
    """A template filled in: every value cleaned, then escaped."""
    return _environment().get_template(template).render(**values)


@lru_cache(maxsize=1 << 12, typed=True)  # a text that is markup is another value than the same text that is none
def part(name: str, *values: Any) -> Markup:
    """A macro of parts.html filled in. For what many pages show alike: it is filled in once for the same values."""
    return _macro(name)(*values)


def as_markup(text: str) -> Markup:
    """A text as `render` would show it."""
    return escape(clean(text))


@cache
def _macro(name: str) -> Callable[..., Markup]:
    found: Callable[..., Markup] = getattr(_environment().get_template("parts.html").module, name)
    return found


def _shown(value: Any) -> Any:
    """What stands in place of a template's value: texts cleaned. Escaping comes after it."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("grader.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.globals["looks"] = LOOKS
    environment.globals["part"] = part
    return environment


def template_text(name: str) -> str:
    """A template as it is."""
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0]
