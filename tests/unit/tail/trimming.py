"""A store that trims."""

from collections.abc import Sequence
from dataclasses import replace

from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.models import MessageRow
from eventstore.model.log import Ends


class Trimming(DatabaseLog):
    """The embedded store as a broker would be: it trims, and its amounts are entries."""

    capabilities = replace(DatabaseLog.capabilities, amount_unit="entries")

    def trim(self, topic: str, before: int) -> None:
        """Remove everything before the event with this number in the only partition."""
        MessageRow.objects.filter(partition__topic__name=topic, number__lt=before).delete()

    def ends(self, topic: str) -> Sequence[Ends]:
        return [self._trimmed(end) for end in super().ends(topic)]

    def _trimmed(self, end: Ends) -> Ends:
        first = self.read_forward(end.topic, end.partition, limit=1)
        return replace(end, first=first[0].position, last=end.last) if first else replace(end, first=None)
