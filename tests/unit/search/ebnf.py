"""Enough of EBNF (ISO 14977) to derive random texts from the grammar of filters."""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

_SYMBOL = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|\?\s*(.*?)\s*\?(?=\s*[|,;)\]}])|([A-Za-z]+)|([=|,;()\[\]{}]))""", re.DOTALL)


@dataclass(frozen=True)
class Literal:
    text: str


@dataclass(frozen=True)
class Special:
    """What the grammar describes in words."""

    words: str


@dataclass(frozen=True)
class Name:
    text: str


@dataclass(frozen=True)
class Sequence_:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True)
class Choice:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True)
class Repeated:
    """From none to ``most`` times."""

    part: "Node"
    most: int


Node = Literal | Special | Name | Sequence_ | Choice | Repeated
Rules = Mapping[str, Node]


def rules_of(grammar: str) -> Rules:
    """The rules by name."""
    symbols = list(_symbols(grammar))
    rules: dict[str, Node] = {}
    while symbols:
        name, equals = symbols.pop(0), symbols.pop(0)
        assert isinstance(name, Name), name
        assert equals == "=", f"{name.text} is no rule"
        assert name.text not in rules, f"{name.text} has two rules"
        rules[name.text] = _choice(symbols)
        assert symbols.pop(0) == ";", f"the rule {name.text} does not end"
    return rules


def _symbols(grammar: str) -> Iterator[Node | str]:
    place = 0
    while grammar[place:].strip():
        found = _SYMBOL.match(grammar, place)
        assert found, grammar[place : place + 40]
        double, single, special, name, sign = found.groups()
        place = found.end()
        if double or single:
            yield Literal(double or single)
        elif special:
            yield Special(special)
        else:
            yield Name(name) if name else sign


def _choice(symbols: list[Node | str]) -> Node:
    parts = [_sequence(symbols)]
    while symbols[0] == "|":
        symbols.pop(0)
        parts.append(_sequence(symbols))
    return Choice(tuple(parts)) if len(parts) > 1 else parts[0]


def _sequence(symbols: list[Node | str]) -> Node:
    parts = [_part(symbols)]
    while symbols[0] == ",":
        symbols.pop(0)
        parts.append(_part(symbols))
    return Sequence_(tuple(parts)) if len(parts) > 1 else parts[0]


def _part(symbols: list[Node | str]) -> Node:
    symbol = symbols.pop(0)
    if not isinstance(symbol, str):
        return symbol
    inner = _choice(symbols)
    assert symbols.pop(0) == {"(": ")", "[": "]", "{": "}"}[symbol]
    return inner if symbol == "(" else Repeated(inner, 1 if symbol == "[" else 3)


class Written(str):
    """A symbol of a rule in upper case, which may look like a sign or a word of the grammar and is none."""

    __slots__ = ()


@dataclass
class Deriver:
    """Derives texts from a rule. ``used`` collects the choices that were made and the descriptions that were filled in."""

    rules: Rules
    chance: random.Random
    specials: Mapping[str, Callable[[random.Random], str]]
    deepens: str
    """The rule that holds itself: it is entered at most ``deepest`` times before only its other parts are chosen."""
    deepest: int
    used: set[tuple[Node, Node] | str] = field(default_factory=set)

    def symbols(self, node: Node, depth: int = 0) -> list[str]:
        """The symbols of one text: those of rules in upper case are whole, the others are to be joined."""
        match node:
            case Literal(text):
                return [text]
            case Special(words):
                self.used.add(words)
                return [self.specials[words](self.chance)]
            case Name(name):
                inside = self.symbols(self.rules[name], depth + (name == self.deepens))
                return [Written("".join(inside))] if name.isupper() else inside
            case Sequence_(parts):
                return [symbol for part in parts for symbol in self.symbols(part, depth)]
            case Choice(parts):
                part = self.chance.choice([part for part in parts if depth < self.deepest or not self._leads_back(part)])
                self.used.add((node, part))
                return self.symbols(part, depth)
            case Repeated(part, most):
                times = 0 if depth >= self.deepest and self._leads_back(part) else self.chance.randint(0, most)
                return [symbol for _ in range(times) for symbol in self.symbols(part, depth)]

    def _leads_back(self, part: Node) -> bool:
        """Whether the rule that holds itself may be entered again from here."""
        met, left = {self.deepens}, list(names_in(part))
        while left:
            name = left.pop()
            if name == self.deepens:
                return True
            if name not in met:
                met.add(name)
                left += names_in(self.rules[name])
        return False


def names_in(node: Node) -> Iterator[str]:
    """The rules that this part of a rule names."""
    match node:
        case Name(name):
            yield name
        case Sequence_(parts) | Choice(parts):
            for part in parts:
                yield from names_in(part)
        case Repeated(part, _):
            yield from names_in(part)


def choices_in(node: Node) -> Iterator[tuple[Node, Node] | str]:
    """All that a deriver can note as used of this part of a rule."""
    match node:
        case Special(words):
            yield words
        case Sequence_(parts) | Choice(parts):
            for part in parts:
                if isinstance(node, Choice):
                    yield node, part
                yield from choices_in(part)
        case Repeated(part, _):
            yield from choices_in(part)
