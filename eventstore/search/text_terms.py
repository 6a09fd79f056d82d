"""Terms that search for a text anywhere in the payload or the key."""

from eventstore.search.eval_context import EvalContext
from eventstore.search.lexing import WrittenTerm
from eventstore.search.problems import problem
from eventstore.search.texts import Expression, in_order
from eventstore.search.tree import Answer, Term

TEXT = 2
"""The cost of the most expensive kind of term."""


def text_term(written: WrittenTerm, *, work: int) -> Term:
    """Return the term for a bare text, ``text:`` or ``text~``. Raises ``InvalidFilter`` for another operator, or an
    empty text.
    """
    if written.operator == "~":
        return _expression_term(Expression(written.value, work=work, column=written.column))
    if written.operator not in ("", ":"):
        raise problem('text is looked for, not compared: write text:"some words" or text~"an expression"', written.column)
    pieces = [written.value] if written.quoted else written.value.split("*")
    folded = [piece.casefold() for piece in pieces if piece]
    if not folded:
        raise problem("there is no text to look for here: write some, or leave this out", written.column)
    return Term(on_event=lambda context: _has_pieces(context, folded), cost=TEXT)


def _has_pieces(context: EvalContext, pieces: list[str]) -> Answer:
    for text in context.folded():
        if in_order(text, pieces, 0, len(text)):
            return True
    return None if context.text_is_cut else False


def _expression_term(expression: Expression) -> Term:
    def on_event(context: EvalContext) -> Answer:
        results = [expression(text) for text in context.texts()]
        if True in results:
            return True
        return None if context.text_is_cut or None in results else False

    return Term(on_event=on_event, cost=TEXT)
