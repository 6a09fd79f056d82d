"""The grammar of filters, as the parser's docstring and docs/filters.md give it: whatever it derives is a filter."""

import random
import re
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from eventstore.model.errors import InvalidFilter
from eventstore.search import limits, parse_filter, parsing
from tests.examples import examples
from tests.unit.search.deliveries import Handled
from tests.unit.search.ebnf import Deriver, Name, Written, choices_in, names_in, rules_of

PAGE = (Path(__file__).resolve().parents[3] / "docs/filters.md").read_text(encoding="utf-8")
GRAMMAR = textwrap.dedent((parsing.__doc__ or "").partition("::\n\n")[2].partition("\n\nBetween the symbols")[0]).strip()
RULES = rules_of(GRAMMAR)

FILTERS = examples(1_000)
HANDLED = Handled({}, names=None)
MOST_FILTERS = 20_000
"""So many are derived at most until each choice of each rule was used."""

SIGNS = frozenset(["(", ")", ":", "=", "!=", "<", "<=", ">", ">=", "~"])
IN_ANY_CASE = frozenset(re.findall(r'"(\w\w+)"', GRAMMAR.partition("\n\n")[0]))

LETTERS = "abcxyzÄßéЖ日0189_-/+.,;#$%&'@[]{}|^`?\\"
"""Characters that mean nothing by themselves, wherever they stand outside of quotes."""
EXPRESSIONS = ("a", "^X[0-4]", "x|y", "[a-z]{2,5}", "a.*b$", r"\d+", "(?i)abc", "(a b)+", 'say "no"', "", r"\\", "a(b", "[")
REFUSED_EXPRESSIONS = ("a(b", "[")


def some(letters: str, most: int = 5) -> Callable[[random.Random], str]:
    return lambda chance: "".join(chance.choices(letters, k=chance.randint(1, most)))


def not_only_stars(letters: str) -> Callable[[random.Random], str]:
    def words(chance: random.Random) -> str:
        word = list(some(letters)(chance))
        word.insert(chance.randint(0, len(word)), chance.choice("bcÄЖ1"))
        return "".join(word)

    return words


def word(chance: random.Random) -> str:
    found = not_only_stars(LETTERS + "*")(chance)
    if chance.random() < 0.2:
        found = found[:1] + "!" + found[1:]
    return f"{found}_" if found.lower() in ("and", "or", "not") else found


def expression(chance: random.Random) -> str:
    text = chance.choice([text for text in EXPRESSIONS if text not in REFUSED_EXPRESSIONS])
    bare = bool(text) and not re.search(r'[\s()"]', text)
    return text if bare and chance.random() < 0.7 else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def date(chance: random.Random) -> str:
    return f"{chance.randint(2, 9998):04}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"


def minute(chance: random.Random) -> str:
    return f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}"


def distance(chance: random.Random) -> str:
    found = chance.choice("+-") + minute(chance)
    return found.replace(":", chance.choice((":", "")))


SPECIALS: Mapping[str, Callable[[random.Random], str]] = {
    'characters other than white space ( ) " : = < > ~ and ! before =; not only stars; not and, or, not': word,
    'characters other than white space ( ) "; not only stars': not_only_stars(LETTERS + "*:=<>~!"),
    'characters other than white space ( ) " *': some(LETTERS + ":=<>~!"),
    'any character other than " \\': some(LETTERS.replace("\\", "") + " \n()*:=<>~!", 1),
    "any character": some(LETTERS + ' \n()*:=<>~!"', 1),
    "a regular expression in RE2's syntax, in quotes if it holds white space ( ) \"": expression,
    "1 to 6 digits": some("0123456789", 6),
    'characters other than white space ( ) " : = < > ~ . [ ] * and ! before =': some(re.sub(r"[.\[\]]", "", LETTERS)),
    "an exponent that leaves the number finite": lambda chance: str(chance.randint(-200, 200)),
    "one or more digits": some("0123456789"),
    "a day of the calendar, such as 2025-12-24": date,
    "hour and minute, such as 18:00": minute,
    "second": lambda chance: f"{chance.randint(0, 59):02}",
    "1 to 9 digits": some("0123456789", 9),
    "distance from UTC, such as +01:00 or -0330": distance,
}


def joined(chance: random.Random, symbols: Sequence[str]) -> str:
    """The symbols as one text, with white space where it may stand and where it must."""
    text = chance.choice(("", " "))
    for before, symbol in pairwise(["(", *symbols]):
        must = not is_sign(before) and not is_sign(symbol) and not before.endswith('"')
        text += chance.choice((" ", "  ", "\n") if must else ("", "", " ", "\t")) + symbol
    return text + chance.choice(("", " "))


def is_sign(symbol: str) -> bool:
    return symbol in SIGNS and not isinstance(symbol, Written)


def cased(chance: random.Random, symbol: str) -> str:
    """The symbol, at times in upper case where that makes no difference."""
    return symbol.upper() if symbol in IN_ANY_CASE and not isinstance(symbol, Written) and chance.random() < 0.2 else symbol


def within_limits(symbols: Sequence[str]) -> bool:
    """Whether so many symbols hold few enough terms, each of which has at least one that is written, and expressions."""
    written = sum(isinstance(symbol, Written) for symbol in symbols)
    return written <= limits.MOST_TERMS and symbols.count("~") <= limits.MOST_EXPRESSIONS


def unused_by(deriver: Deriver) -> Collection[object]:
    return {use for rule in RULES.values() for use in choices_in(rule)} - deriver.used


def derived(deriver: Deriver) -> Iterator[str]:
    """Texts of the grammar that keep within the limits on their number of characters, terms and expressions."""
    made = 0
    while made < FILTERS or (unused_by(deriver) and made < MOST_FILTERS):
        symbols = [cased(deriver.chance, symbol) for symbol in deriver.symbols(Name("filter"))]
        text = joined(deriver.chance, symbols)
        if len(text) <= limits.MOST_CHARACTERS and within_limits(symbols):
            made += 1
            yield text


@pytest.mark.slow
@pytest.mark.hypothesis  # the soak runs these with all examples
def test_every_text_that_the_grammar_derives_is_a_filter() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    deriver = Deriver(RULES, random.Random(seed), SPECIALS, deepens="one", deepest=2)
    for text in derived(deriver):
        try:
            parse_filter(text, HANDLED)
        except InvalidFilter as error:
            pytest.fail(f"with seed {seed}, {text!r} is refused: {error}")
    unused = unused_by(deriver)
    assert not unused, f"with seed {seed}, no text used these"


def test_every_rule_is_there_and_used() -> None:
    named = {name for rule in RULES.values() for name in names_in(rule)}
    assert named | {"filter"} == set(RULES)


def test_the_documentation_quotes_the_parsers_grammar() -> None:
    assert PAGE.partition("```ebnf\n")[2].partition("```")[0].strip() == GRAMMAR


@pytest.mark.parametrize(
    "text",
    [
        "type<5", "time~2025", "time:2025-13-01", "text=a", 'text:""', "text:**", "* **", '""', "type=a*", "data:a",
        "data.a*:b", "data.a<b", "data.a~[", "property:a", "property[0]:a", "property.a!=", "number:5", "type.a:b", 'a."b"',
        "delivery:a", "delivery:a=b", "delivery=a", "delivery:=stuck", 'delivery:"a"stuck', "delivery:a=stuck,",
        "=a", "a=", "id:", "a or", "or a", "and a", "not", "( )", "(a", "a)", '"a',
    ],
)  # fmt: skip
def test_what_the_grammar_does_not_derive_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_filter(text, HANDLED)
