"""What the pages are told of the second pass, beside how far it is: its rate, and what holds it up."""

from django.utils import timezone

from eventstore.index.models import SecondPassRow


def note_moved(partition: int, rate: float) -> None:
    """Note that it gets on, with so many events a second."""
    SecondPassRow.objects.update_or_create(
        partition_id=partition, defaults={"rate": round(rate, 1), "moved_at": timezone.now(), "trouble": ""}
    )


def note_trouble(partition: int, words: str) -> None:
    """Note why it does not get on, in words without a payload."""
    SecondPassRow.objects.update_or_create(partition_id=partition, defaults={"trouble": words})


def note_done(partition: int) -> None:
    SecondPassRow.objects.filter(partition_id=partition).delete()
