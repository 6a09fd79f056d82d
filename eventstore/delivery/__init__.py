"""Delivery: what became of one event in one subscription."""

from eventstore.delivery.asking import AskedDeliveries, NoDeliveries
from eventstore.delivery.book import Book, Deliveries
from eventstore.delivery.judging import Delivery, Source, Why
from eventstore.delivery.waiting import Waiting

__all__ = ["AskedDeliveries", "Book", "Deliveries", "Delivery", "NoDeliveries", "Source", "Waiting", "Why"]
