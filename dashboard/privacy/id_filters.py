"""Personal ids in filters: a filter in an address names an aggregate by its handle, and the one that is applied by its id."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from django.conf import settings

from dashboard.privacy.handles import any_is_personal, is_personal, known_handle, may_ask_for_ids, public_id
from dashboard.privacy.profiles import AccessProfile
from eventstore.search import Change, InvalidFilter, WrittenTerm, field_name, rewritten

FIELD = "aggregate"
LEFT_OUT = "…"
WHOLE = "A handle stands for one whole aggregate: compare it with : or = or !=, and in no other way."


def ids_in_filter(text: str, profile: AccessProfile) -> str:
    """The filter with ids in place of handles. Raises ``InvalidFilter`` for one that asks for ids that the profile may not ask
    for: whether it finds something would tell whether there is such an id."""

    def with_id(term: WrittenTerm) -> WrittenTerm | None:
        if field_name(term) != FIELD:
            return None
        if meant := _meant(term.value):
            if not _is_exact(term):  # of the id behind it, an expression would find out one sign after the other
                raise InvalidFilter(WHOLE)
            return term.with_value("/".join(meant), operator="=" if term.operator == ":" else term.operator)
        if _may_be_personal(term) and not (profile.sees_values or (_is_exact(term) and may_ask_for_ids(profile))):
            raise InvalidFilter(_refusal())
        return None

    return rewritten(text, with_id) if any_is_personal() else text


def handles_in_filter(text: str) -> str:
    """The filter for an address: with handles in place of the ids of personal types that it names whole, with their type."""
    return _changed(text, _with_handle)


def public_filter(text: str) -> str:
    """The filter for the record, for titles and lists: as ``handles_in_filter``, and without what may be a part of an id."""

    def without_ids(term: WrittenTerm) -> WrittenTerm | None:
        if (known := _with_handle(term)) is not None:
            return known
        hides = _is_of_aggregates(term) and _meant(term.value) is None and _may_be_personal(term)
        return term.with_value(LEFT_OUT) if hides else None

    return _changed(text, without_ids)


def public_name(text: str) -> str:
    """An aggregate's name as a filter has it, ``type/id``, with the handle if its id is personal."""
    for type, id in _splits(text):
        if is_personal(type):
            return f"{type}/{public_id(type, id)}"
    return text


def _with_handle(term: WrittenTerm) -> WrittenTerm | None:
    if not _is_of_aggregates(term) or not _is_exact(term) or _meant(term.value):
        return None
    name = public_name(term.value)
    return term.with_value(name) if name != term.value else None


def _is_of_aggregates(term: WrittenTerm) -> bool:
    """Whether the term asks for an aggregate. One whose field cannot be read finds nothing, and is taken for such a one."""
    try:
        return field_name(term) == FIELD
    except InvalidFilter:
        return True


def _changed(text: str, change: Change) -> str:
    try:
        return rewritten(text, change) if any_is_personal() else text
    except InvalidFilter:  # an unfinished filter in its field: it finds nothing, and whoever typed it sees it
        return text


def _meant(value: str) -> tuple[str, str] | None:
    """The aggregate whose handle this is, with or without its type before it."""
    return known_handle(value) or known_handle(value.rpartition("/")[2])


def _is_exact(term: WrittenTerm) -> bool:
    """Whether the term asks for one whole id."""
    return term.operator in ("=", "!=") or (term.operator == ":" and (term.quoted or "*" not in term.value))


def _may_be_personal(term: WrittenTerm) -> bool:
    """Whether the term can find aggregates of a personal type by their ids."""
    if term.operator == ":" and not term.quoted and term.value.strip("*") == "":
        return False
    types = [type for type, _ in _splits(term.value) if "*" not in type or _is_exact(term)]
    return term.operator == "~" or not types or any(map(_is_personal_in_any_case, types))


def _is_personal_in_any_case(type: str) -> bool:
    """``:`` ignores case."""
    return any(fnmatchcase(type.casefold(), pattern.casefold()) for pattern in settings.EVENTDESK.personal_types)


def _splits(value: str) -> Iterator[tuple[str, str]]:
    """What stands before and behind each slash: types and ids may hold some themselves."""
    for place, sign in enumerate(value):
        if sign == "/":
            yield value[:place], value[place + 1 :]


def _refusal() -> str:
    return (
        "Some ids are personal here, and your role does not search by them. Name the type before an id that is not "
        "(aggregate:TYPE/ID), or give the handle that pages show in place of a personal one (aggregate:pid…)."
    )
