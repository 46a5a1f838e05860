"""Tell which tests use a browser or child processes, by following the names in their code.

The marks `browser` and `process` are set from what a test, its fixtures and the helpers in `tests/` name, so that
nobody has to remember them. What the product itself starts cannot be seen from here: such a test is marked by hand.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from inspect import unwrap
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from tests.support import databases
from tests.support.programs import program

STARTERS = {"browser": (sync_playwright,), "process": (subprocess, multiprocessing, os.fork, program)}
"""By mark, the functions and modules that only such tests reach."""


def marks_of(test: pytest.Function) -> set[str]:
    """Return the marks that a test earns by what it and its fixtures can reach."""
    fixtures = [definitions[-1].func for definitions in test._fixtureinfo.name2fixturedefs.values()]
    reached = {key for function in (test.function, *fixtures) for key in reached_from(_inside(function))}
    return {mark for mark, starters in STARTERS.items() if any(id(starter) in reached for starter in starters)}


@cache
def reached_from(function: object) -> frozenset[int]:
    """Return the ids of all functions, classes and modules that can be reached by name from a function."""
    seen: dict[int, object] = {}
    waiting = [function]
    while waiting:
        value = waiting.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            waiting += _named_in(value)
    return frozenset(seen)


def _named_in(value: object) -> Iterator[object]:
    """Yield what a function's code names, or the functions of a class; only our own tests are followed."""
    module = str(getattr(value, "__module__", ""))
    if not module.startswith("tests") or module == databases.__name__:  # its fixtures set the mark `postgresql`
        return
    if isinstance(value, type):
        yield from (_inside(member) for member in vars(value).values())
        yield from value.__bases__
    if isinstance(value, FunctionType):
        names = {name for code in _codes(value.__code__) for name in (*code.co_names, *code.co_freevars)}
        known = {name: value.__globals__[name] for name in names if name in value.__globals__}
        yield from (_inside(named) for named in known.values())
        for module in known.values():
            if isinstance(module, ModuleType):
                yield from (_inside(vars(module)[name]) for name in names if name in vars(module))


def _inside(value: Any) -> object:
    """Return the function inside a decorator, a property, a class method or a static method."""
    return unwrap(getattr(value, "fget", None) or getattr(value, "__func__", value))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a function's code and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
