"""Delivery: what became of one event in one subscription."""

from eventstore.delivery.asking import AskedDeliveries
from eventstore.delivery.book import Book, Deliveries
from eventstore.delivery.judging import Delivery, Source, Why
from eventstore.delivery.waiting import Waiting

__all__ = ["AskedDeliveries", "Book", "Deliveries", "Delivery", "Source", "Waiting", "Why"]
