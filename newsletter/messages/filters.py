"""The filters, tests and text methods that merge tags may use, none of which can take much memory or time.

Jinja's own do the work. Each is called with values of a bounded size, numbers that make little, and a result
that is checked; what exceeds a bound raises ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from jinja2.filters import FILTERS as DEFAULT_FILTERS
from jinja2.tests import TESTS as DEFAULT_TESTS

MOST_RESULT = 100_000
"""The most characters, or entries with their characters, that a value may have."""
MOST_WIDTH = 500
"""The largest number that a filter may be given, such as the width of a line."""
MOST_DIGITS = 20
"""The most digits behind the point."""
_FILTERS = (
    "abs capitalize center count d default e escape first float forceescape format indent int join last length list "
    "lower max min replace reverse round safe sort string striptags sum title trim truncate unique upper urlencode "
    "wordcount wordwrap"
)
FILTERS = tuple(_FILTERS.split())
"""The names of the filters; the others work on lists of objects, which no reader's fields are."""
TESTS = sorted(set(DEFAULT_TESTS) - {"callable", "filter", "test"})
"""The names of the tests."""
_METHODS = (
    "capitalize casefold count endswith find format isalnum isalpha isdigit islower isupper join lower lstrip "
    "removeprefix removesuffix replace rstrip split startswith strip swapcase title upper"
)
METHODS = tuple(_METHODS.split())
"""The names of the methods of texts."""
_PERCENT = re.compile(r"%(?:\([^()]*\))?[-+ #0]*(\d*)(?:\.(\d*))?[diufFeEgGxXosrc%]|%(.?)", re.DOTALL)


def size(value: Any, most: int = MOST_RESULT) -> int:
    """Return the characters of a text, or the entries of a list with all that is in them; counts little past `most`."""
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, (list, tuple, dict, set, frozenset)):
        return 1
    total = 1
    for entry in [*value, *value.values()] if isinstance(value, dict) else value:
        total += size(entry, most - total)
        if total > most:
            break
    return total


def bounded(value: Any, most: int = MOST_RESULT) -> Any:
    """Return a value. Raises ValueError when it is larger than `most`."""
    if size(value, most) > most:
        raise ValueError(f"it makes more than {most:,} characters")
    return value


def filter_table() -> dict[str, Callable[..., Any]]:
    """Return the filters by name, each with its bounds."""
    return {name: _guarded(DEFAULT_FILTERS[name], _GROWTH.get(name)) for name in FILTERS}


def call_method(method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call a method of a text within the bounds. Raises TypeError for anything else."""
    # Jinja 3.1.5 and later wrap `format`.
    own = getattr(method, "__wrapped__", method)
    text, name = getattr(own, "__self__", None), getattr(own, "__name__", "")
    if not isinstance(text, str) or name not in METHODS:
        raise TypeError("only methods of texts can be called")
    growth = _METHODS_GROWTH.get(name)
    return _guarded(lambda _, *values, **named: method(*values, **named), growth)(text, *args, **kwargs)


def check_format(text: str, values: Any) -> None:
    """Raise ValueError for a %-format of values whose width, precision or repetition makes long texts."""
    if text.count("%") * size(values) > MOST_RESULT:
        _refuse()
    for spec in _PERCENT.finditer(text):
        if spec[3] is not None or int(spec[1] or 0) > MOST_WIDTH or int(spec[2] or 0) > MOST_DIGITS:
            raise ValueError(f'"{spec[0][:20]}" is no format, or makes too much of it')


def _guarded(function: Callable[..., Any], growth: Callable[..., None] | None) -> Callable[..., Any]:
    # wraps() copies what tells Jinja to pass the environment as the first argument.
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        values = args[1:] if hasattr(function, "jinja_pass_arg") else args
        for value in (*values, *kwargs.values()):
            bounded(value)
        if growth:
            growth(*values, **kwargs)
        try:
            result = function(*args, **kwargs)
        except AssertionError as error:  # truncate() asserts that the length has room for its dots
            raise ValueError(str(error)) from error
        return bounded(list(result) if hasattr(result, "__next__") else result)

    return call


def _check_replace(text: Any, old: Any, new: Any, *_: Any, **__: Any) -> None:
    most = str(text).count(str(old)) * max(0, len(str(new)) - len(str(old)))
    if most > MOST_RESULT:
        _refuse()


def _check_join(values: Any, separator: Any = "", *_: Any, **__: Any) -> None:
    if len(values) * len(str(separator)) > MOST_RESULT:
        _refuse()


def _check_method_join(separator: Any, values: Any = (), *_: Any) -> None:
    _check_join(values, separator)


def _check_width(width: Any) -> None:
    if not 0 < width <= MOST_WIDTH:
        raise ValueError(f"a width is a number from 1 to {MOST_WIDTH}")


def _check_center(_: Any, width: Any = 80, *__: Any, **___: Any) -> None:
    _check_width(width)


def _check_striptags(text: Any, *_: Any, **__: Any) -> None:
    # Its time grows with the square of the number of comments.
    bounded(text, MOST_RESULT // 10)


def _check_lines(text: Any, width: Any = 4, *_: Any, **__: Any) -> None:
    per_line = len(width) if isinstance(width, str) else width
    _check_width(max(1, per_line))
    if (str(text).count("\n") + 1) * per_line > MOST_RESULT:
        _refuse()


def _check_wrap(text: Any, width: Any = 79, _: Any = True, wrapstring: Any = None, *__: Any, **named: Any) -> None:
    _check_width(width)
    sign = str(named.get("wrapstring", wrapstring) or "\n")
    if (len(str(text)) // width + str(text).count(" ") + 1) * len(sign) > MOST_RESULT:
        _refuse()


def _check_round(value: Any, precision: Any = 0, *_: Any, **__: Any) -> None:
    # round(5, -10**9) would compute 10**(10**9).
    if not -MOST_DIGITS <= precision <= MOST_DIGITS:
        raise ValueError(f"a number has at most {MOST_DIGITS} digits behind its point")


def _check_percent(text: Any, *values: Any, **named: Any) -> None:
    check_format(str(text), [*values, *named.values()])


def _check_braces(text: str, *values: Any, **named: Any) -> None:
    inside = text.replace("{{", "").replace("}}", "")
    if inside.count("{") * size([*values, *named.values()]) > MOST_RESULT:
        _refuse()
    # A width that is a field itself could be any number; `{0.__class__}` is Python's own.
    if re.search(r"\{[^{}]*\{|\d{3}|\{[^{}:!]*[.\[]", inside):
        raise ValueError("the format makes too much of it, or reads more than values")


def _refuse() -> None:
    raise ValueError(f"it makes more than {MOST_RESULT:,} characters")


_GROWTH: Mapping[str, Callable[..., None]] = {
    "replace": _check_replace,
    "join": _check_join,
    "center": _check_center,
    "indent": _check_lines,
    "striptags": _check_striptags,
    "wordwrap": _check_wrap,
    "round": _check_round,
    "format": _check_percent,
}
"""Checks of the filters whose result may be far larger than their arguments."""
_METHODS_GROWTH: Mapping[str, Callable[..., None]] = {
    "replace": _check_replace,
    "join": _check_method_join,
    "format": _check_braces,
}
"""The same of methods."""
