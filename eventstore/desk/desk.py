"""The desk composes the store, the index and the configuration into faces, one for each capability.

A face's class lives in the room of its capability. A new capability adds a room and a face here, and no methods.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from eventstore.actions import ActionFace, Safeguards
from eventstore.backlogs.face import BacklogFace
from eventstore.config.loading import Config
from eventstore.config.searchable_values import values_by
from eventstore.config.subscriptions import is_external
from eventstore.cursors.face import CursorFace
from eventstore.delivery.face import DeliveryFace
from eventstore.delivery.tracks import Tracks
from eventstore.diagnosis.face import DiagnosisFace
from eventstore.envelope import read_event
from eventstore.erasure.face import ErasureFace
from eventstore.index.lookup.face import IndexFace
from eventstore.index.second_pass.progress import ValueProgress
from eventstore.jobs.face import JobFace
from eventstore.jobs.guarding import guarded
from eventstore.letters.face import LetterFace
from eventstore.model.events import Event, Message
from eventstore.model.storage import Storage
from eventstore.projections.face import ProjectionFace
from eventstore.replays.face import ReplayFace
from eventstore.replays.generations.face import GenerationFace
from eventstore.replays.kind import REPLAY_EVENTS, Means, run_with
from eventstore.replays.plans import ReplayPlanFace
from eventstore.scanning import Scans
from eventstore.schemas import Schemas
from eventstore.streams.face import StreamFace
from eventstore.streams.payload_cache import PayloadCache
from eventstore.subscriptions.face import SubscriptionFace
from eventstore.tail import Hub
from eventstore.topic_details.face import TopicDetailsFace


class Desk:
    """Everything that pages and commands use of the event store. Nothing is contacted before the first call of a face.

    Any call of a face may raise an ``EventStoreError``. Looking is free. Every act passes the safeguards.
    """

    def __init__(
        self, *, storage: Storage, config: Config, safeguards: Safeguards, hash_key: str = "", hook_secret: str = ""
    ) -> None:
        """``hash_key`` is the secret by which searchable values are hashed, ``hook_secret`` that by which hooks are signed."""
        self.config = config
        self.store = storage
        """The driver as a whole, for commands that publish and consume as services do."""
        self.log = storage.log
        """The store's topics: which there are, where they end, publishing, ``ping``."""
        self._schemas = Schemas(storage.schemas)
        self.index = IndexFace(log=self.log, searchables=config.searchables, hash_key=hash_key)
        self.values = ValueProgress(values_by(config.searchables, hash_key))
        self.streams = self._streams()
        stuck_after = timedelta(seconds=config.limits.stuck_after_seconds)
        tracks, external = Tracks(), partial(is_external, config.subscriptions)
        self.subscriptions = self._subscriptions(tracks, stuck_after)
        self.backlogs = BacklogFace(log=self.log, subscriptions=self.subscriptions, stores_later=True)
        self.delivery = DeliveryFace(
            log=self.log,
            rows_of=self.streams.rows_of,
            tracks=tracks,
            declared=config.subscriptions,
            settle=self.backlogs.settle,
        )
        self.letters = LetterFace(storage=storage, rows_of=self.streams.rows_of, declared=config.subscriptions)
        self.diagnosis = self._diagnosis(stuck_after)
        self.projections = self._projections(external, hook_secret)
        self.erasure = self._erasure(external)
        self.topic_details = TopicDetailsFace(storage=storage)
        self.actions = ActionFace(storage=storage, safeguards=guarded(safeguards))
        means = Means(projections=self.projections, read=self.read, is_external=external, letters=self.letters)
        self.jobs = JobFace(storage=storage, safeguards=safeguards, config=config, runs={REPLAY_EVENTS.name: run_with(means)})
        self.replay_plans = ReplayPlanFace(
            jobs=self.jobs, projections=self.projections, is_external=external, unapproved=safeguards.unapproved
        )
        self.cursors = CursorFace(actions=self.actions, rows_of=self.streams.rows_of, is_external=external)
        self.replays = ReplayFace(storage=storage, jobs=self.jobs, letters=self.letters, is_external=external)
        self.generations = GenerationFace(storage=storage, projections=self.projections)
        self.tail = Hub(log=self.log, read=self.read)
        self.scans = Scans(log=self.log, read=self.read)

    def _streams(self) -> StreamFace:
        cache = PayloadCache(most_bytes=self.config.limits.payload_cache_megabytes * 1_000_000)
        return StreamFace(log=self.log, read=self.read, cache=cache)

    def _diagnosis(self, stuck_after: timedelta) -> DiagnosisFace:
        return DiagnosisFace(
            log=self.log,
            backlogs=self.backlogs,
            rows_of=self.streams.rows_of,
            is_ordered=self.config.topics.is_ordered,
            stuck_after=stuck_after,
        )

    def _erasure(self, is_external: Callable[[str, str], bool]) -> ErasureFace:
        return ErasureFace(
            storage=self.store, rows_of=self.streams.rows_of, projections=self.projections, is_external=is_external
        )

    def _projections(self, is_external: Callable[[str, str], bool], hook_secret: str) -> ProjectionFace:
        return ProjectionFace(
            log=self.log,
            subscriptions=self.subscriptions,
            backlogs=self.backlogs,
            declared=self.config.projections,
            defaults=self.config.replays,
            is_external=is_external,
            hook_secret=hook_secret,
        )

    def _subscriptions(self, tracks: Tracks, stuck_after: timedelta) -> SubscriptionFace:
        declared = self.config.subscriptions
        return SubscriptionFace(
            storage=self.store,
            rows_of=self.streams.rows_of,
            stuck_after=stuck_after,
            on_look=tracks.observe,
            is_external=lambda one: is_external(declared, one.topic, one.name),
            declared=declared,
        )

    def read(self, message: Message) -> Event:
        """The message as an event, by this installation's mappings and the message's own schema. Never raises."""
        return read_event(message, self.config.mappings, self._schemas.decoded)

    def close(self) -> None:
        """Store what was seen, end the searches and the tails, then let go of the store."""
        self.backlogs.settle()
        self.scans.close()
        self.tail.close()
        self.store.close()
