"""The desk's face for generations: one beside the present one. Acts on them go through the face of actions."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from eventstore.model.storage import Storage
from eventstore.projections import Projection, ProjectionFace
from eventstore.replays.generations.compared import Compared, compared, pairs_of
from eventstore.replays.generations.looks import GenerationAim


class GenerationFace:
    """``desk.generations``."""

    def __init__(self, *, storage: Storage, projections: ProjectionFace) -> None:
        self._storage, self._projections = storage, projections

    def aim(self, projection: Projection) -> GenerationAim:
        """What an act on one of its generations needs. Raises as ``ProjectionFace.topics`` does."""
        topics = [topic.name for topic in self._projections.topics(projection)]
        return GenerationAim(
            topics=topics,
            present=projection.subscription,
            is_generation=lambda name: self._projections.is_generation(projection, topics, name),
            declared=projection.declared,
        )

    def compare(self, projection: Projection, name: str) -> Compared:
        """The generation with this subscription beside the present one, as both are now; what their read models tell, if the
        status address tells the generations apart. A generation that no topic has is one without subscriptions,
        and its read model is not asked."""
        present = projection.subscription
        found = compared(self._storage, self.aim(projection), name)
        if not found.other.subscriptions or projection.status_of(name) == projection.status_of(present):
            return found
        with ThreadPoolExecutor(max_workers=2) as threads:
            told, other = threads.map(lambda each: self._told(projection, each), (present, name))
        return found if told is None or other is None else replace(found, values=pairs_of(told, other))

    def _told(self, projection: Projection, name: str) -> Mapping[str, str] | None:
        told = self._projections.read_model(projection, name)
        return None if told is None or told.problem else told.values
