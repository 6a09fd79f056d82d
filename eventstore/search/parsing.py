r"""Parse a filter's tokens into a tree.

The grammar, as EBNF (ISO 14977; a text between question marks describes a symbol)::

    filter     = [ either ] ;
    either     = both, { "or", both } ;
    both       = one, { [ "and" ], one } ;
    one        = "not", one | "(", either, ")" | term ;
    term       = WORD | QUOTED
               | "text", ":", ( BARE | QUOTED )
               | "text", "~", EXPRESSION
               | "time", ( ":" | "=" | "!=" | order ), MOMENT
               | "delivery", ":", ( BARE | QUOTED ), "=", state
               | ( field | PATH ), match
               | PATH, order, LIMIT ;
    field      = "type" | "aggregate" | "id" | "correlation" | "causation" | "key" | "ordering_key"
               | "source" | "subject" ;
    match      = ":", ( BARE | STARS | QUOTED | EMPTY )
               | ( "=" | "!=" ), ( PLAIN | QUOTED | EMPTY )
               | "~", EXPRESSION ;
    order      = "<" | "<=" | ">" | ">=" ;
    state      = "acknowledged" | "pending" | "stuck" | "retrying" | "dead-lettered" | "passed-over" | "unknown" ;

    WORD       = ? characters other than white space ( ) " : = < > ~ and ! before =; not only stars; not and, or, not ? ;
    BARE       = ? characters other than white space ( ) "; not only stars ? ;
    PLAIN      = ? characters other than white space ( ) " * ? ;
    STARS      = "*", { "*" } ;
    QUOTED     = '"', CHARACTER, { CHARACTER }, '"' ;
    EMPTY      = '""' ;
    CHARACTER  = ? any character other than " \ ? | "\", ? any character ? ;
    EXPRESSION = ? a regular expression in RE2's syntax, in quotes if it holds white space ( ) " ? ;
    PATH       = "data", STEP, { STEP } | "property", NAME, { NAME } ;
    STEP       = NAME | "[", ? 1 to 6 digits ?, "]" ;
    NAME       = ".", ( ? characters other than white space ( ) " : = < > ~ . [ ] * and ! before = ? | QUOTED | EMPTY ) ;
    LIMIT      = NUMBER | '"', NUMBER, '"' | MOMENT ;
    NUMBER     = [ "+" | "-" ], DIGITS, [ ".", DIGITS ], [ ( "e" | "E" ), ? an exponent that leaves the number finite ? ] ;
    DIGITS     = ? one or more digits ? ;
    MOMENT     = DATE, [ ( "T" | "t" ), CLOCK ] | '"', DATE, [ ( "T" | "t" | " " ), CLOCK ], '"' ;
    DATE       = ? a day of the calendar, such as 2025-12-24 ? ;
    CLOCK      = ? hour and minute, such as 18:00 ?, [ ":", ? second ?, [ ".", ? 1 to 9 digits ? ] ], [ ZONE ] ;
    ZONE       = "Z" | "z" | ? distance from UTC, such as +01:00 or -0330 ? ;

Between the symbols of the rules in lower case, white space may stand. It must stand where two symbols would otherwise read as
one. Within a symbol in upper case there is none outside quotes. The words ``and``, ``or`` and ``not``, and the names of fields
up to the first dot, may be written in upper or lower case.

``limits`` holds the limits: characters, terms, depth, parts of a path, and the size and cost of regular expressions.
"""

from collections.abc import Iterable

from eventstore.search.lexing import Sign, Token, tokens
from eventstore.search.limits import DEEPEST, EXPRESSION_WORK, MOST_CHARACTERS, MOST_EXPRESSIONS, MOST_TERMS
from eventstore.search.problems import problem
from eventstore.search.terms import DeliverySource, term_of
from eventstore.search.tree import All, AnyOf, Not, Tree


def tree_of(text: str, deliveries: DeliverySource | None = None) -> Tree | None:
    """Parse a filter's text; return ``None`` for an empty one. ``InvalidFilter`` says what is wrong, where, and what to do."""
    if len(text) > MOST_CHARACTERS:
        raise problem(f"a filter may have {MOST_CHARACTERS:,} characters", MOST_CHARACTERS + 1)
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise problem("this is not Unicode text (it holds half of a surrogate pair)", 1)
    found = list(tokens(text))
    return _Parser(found, _work_of_each(found), deliveries, end=len(text) + 1).whole() if found else None


def _work_of_each(found: Iterable[Token]) -> int:
    """Count the terms, and return how much each regular expression may cost."""
    terms = [token.term for token in found if token.term]
    if len(terms) > MOST_TERMS:
        raise problem(f"a filter may have {MOST_TERMS} terms", terms[MOST_TERMS].column)
    expressions = [term for term in terms if term.operator == "~"]
    if len(expressions) > MOST_EXPRESSIONS:
        raise problem(f"a filter may have {MOST_EXPRESSIONS} regular expressions", expressions[MOST_EXPRESSIONS].column)
    return EXPRESSION_WORK // max(1, len(expressions))


class _Parser:
    """Descends one level for each parenthesis and each ``not``, and refuses to go deeper than ``DEEPEST``."""

    def __init__(self, found: list[Token], work: int, deliveries: DeliverySource | None, *, end: int) -> None:
        self.found = found
        self.work, self.deliveries = work, deliveries
        self.end = Token(column=end)
        self.place = 0

    def whole(self) -> Tree:
        tree = self.either(0)
        if self.next.sign is Sign.CLOSE:
            raise problem("this ) closes nothing: leave it out, or put it in quotes", self.next.column)
        return tree

    @property
    def next(self) -> Token:
        return self.found[self.place] if self.place < len(self.found) else self.end

    def take(self) -> Token:
        token = self.next
        self.place += 1
        return token

    def either(self, depth: int) -> Tree:
        parts = [self.all_of(depth)]
        while self.next.sign is Sign.OR:
            self.take()
            parts.append(self.all_of(depth))
        return AnyOf(tuple(parts)) if len(parts) > 1 else parts[0]

    def all_of(self, depth: int) -> Tree:
        parts = [self.one(depth)]
        while self.next.term or self.next.sign in (Sign.AND, Sign.NOT, Sign.OPEN):
            if self.next.sign is Sign.AND:
                self.take()
            parts.append(self.one(depth))
        return All(tuple(parts)) if len(parts) > 1 else parts[0]

    def one(self, depth: int) -> Tree:
        token = self.take()
        if token.term:
            return term_of(token.term, work=self.work, deliveries=self.deliveries)
        if depth >= DEEPEST and token.sign in (Sign.OPEN, Sign.NOT):
            raise problem(f"parentheses and nots may be nested {DEEPEST} deep", token.column)
        if token.sign is Sign.NOT:
            return Not(self.one(depth + 1))
        if token.sign is Sign.OPEN:
            return self.group(depth + 1, token.column)
        raise problem('a term is missing here, such as type:NAME or "some words"', token.column)

    def group(self, depth: int, column: int) -> Tree:
        tree = self.either(depth)
        if self.take().sign is not Sign.CLOSE:
            raise problem("this ( is never closed: add a ) behind what belongs together", column)
        return tree
