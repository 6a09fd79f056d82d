"""Questions that are asked of a database again and again: their statement is put together once, not each time.

To put one together takes Django several times as long as the database takes to answer, and every page asks some.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, Field, QuerySet

Row = TypeVar("Row")
LARGEST = 2**31 - 1
"""The largest number that every column for numbers may hold."""
_LONG_AGO = datetime(1, 2, 3, 4, 5, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Statement:
    """``places``: where among ``values`` each parameter stands."""

    sql: str
    values: Sequence[Any]
    places: Mapping[str, Sequence[int]]
    queryset: Any
    compiler: Any


class _Query:
    """A query whose statement is there already."""

    def __init__(self, query: Any, compiler: Any) -> None:
        self._query, self._compiler = query, compiler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._query, name)

    def get_compiler(self, *_: Any, **__: Any) -> Any:
        return self._compiler


class Prepared(Generic[Row]):
    """A question with parameters. Calling it asks the database now, and returns the rows that the query set would have."""

    def __init__(self, question: Callable[..., "QuerySet[Any, Row]"], **parameters: "Field[Any, Any]") -> None:
        """``question`` is called once for each kind of database, with a stand-in for each parameter, by name. It only compares
        rows with them. ``parameters``: of which kind each is. None is ever ``None``, which a statement compares otherwise."""
        self._question, self._parameters = question, parameters
        self._known: dict[str, _Statement] = {}
        self._alias = ""

    def __call__(self, **given: Any) -> list[Row]:
        if any(isinstance(value, int) and abs(value) > LARGEST for value in given.values()):
            return list(self._question(**given))  # Django knows which columns may hold such a number
        statement, connection = self._prepared()
        values = list(statement.values)
        for name, field in self._parameters.items():
            value = field.get_db_prep_value(given[name], connection)
            for place in statement.places[name]:
                values[place] = value
        compiler = copy(statement.compiler)
        compiler.connection = connection
        compiler.as_sql = lambda *_, **__: (statement.sql, tuple(values))
        asked = statement.queryset
        ready = SimpleNamespace(
            query=_Query(asked.query, compiler),
            db=self._alias,
            model=asked.model,
            _fields=asked._fields,
            _known_related_objects={},
        )
        return list(asked._iterable_class(ready))

    def _prepared(self) -> tuple[_Statement, BaseDatabaseWrapper]:
        if self._alias and (known := self._known.get(connections[self._alias].vendor)):
            return known, connections[self._alias]
        stand_ins = {name: _stand_in(field, at) for at, (name, field) in enumerate(self._parameters.items())}
        queryset: Any = self._question(**stand_ins)
        self._alias = queryset.db
        connection = connections[self._alias]
        self._known[connection.vendor] = statement = self._put_together(queryset, connection, stand_ins)
        return statement, connection

    def _put_together(self, queryset: Any, connection: BaseDatabaseWrapper, stand_ins: Mapping[str, Any]) -> _Statement:
        compiler = queryset.query.get_compiler(connection=connection)
        sql, values = compiler.as_sql()
        compiler.connection = None  # it is this thread's
        places = {}
        for name, stand_in in stand_ins.items():
            stands = self._parameters[name].get_db_prep_value(stand_in, connection)
            places[name] = [place for place, value in enumerate(values) if value == stands]
            if not places[name]:
                raise ValueError(f"The statement does not compare anything with {name!r}.")
        return _Statement(sql, values, places, queryset, compiler)


def _stand_in(field: "Field[Any, Any]", number: int) -> Any:
    """A value of this kind that nothing else in a statement has."""
    if isinstance(field, DateTimeField):
        return _LONG_AGO + timedelta(days=number)
    texts = ("CharField", "TextField")
    return f"\x1f parameter {number} \x1f" if field.get_internal_type() in texts else number - LARGEST
