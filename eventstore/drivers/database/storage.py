"""The embedded event store: the driver of ``database://``, on the database of Django's alias ``store``."""

from eventstore.config.topic_kinds import BY_NAME, TopicKinds
from eventstore.drivers.database.connection import Session, close_in_thread
from eventstore.drivers.database.copying import TableCopying
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.subscriptions.table_subscriptions import TableSubscriptions
from eventstore.drivers.unfolding import UnfoldedLog
from eventstore.model.copying import Copying
from eventstore.model.log import Log


class DatabaseStorage:
    """Implements ``eventstore.model.storage.Storage``. It has no schema registry: payloads are kept as they are.
    It has no producers, policies or ledgers to tell of either."""

    schemas = None
    details = None

    def __init__(self, kinds: TopicKinds = BY_NAME) -> None:
        self._session = Session()
        messages = DatabaseLog(self._session, kinds)
        self.log: Log = UnfoldedLog(messages)
        self.subscriptions = TableSubscriptions(self._session)
        self.copying: Copying | None = TableCopying(self._session, messages)

    def close(self) -> None:
        if self._session.closed.is_set():
            return
        self._session.closed.set()
        self.subscriptions.close()
        close_in_thread()
