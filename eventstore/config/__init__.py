"""The configuration file: read once, checked as a whole, and handed on as plain values. See docs/configuration.md."""

from eventstore.config.commands import OF_THE_STORE, migrate_command, shell_command
from eventstore.config.loading import Config, Installation, Kind, Limits, load_config
from eventstore.config.masking import Masking, MaskingRule, Show, mark_key_problem
from eventstore.config.masking_paths import DATA, OF_THE_MESSAGE, Parts, ValuePath, Wild, spelled, value_path
from eventstore.config.payload_marks import PayloadMarks, PayloadStanding, standing_of
from eventstore.config.people import About, Access, AccessLimit, AccessScope, Alerts
from eventstore.config.personal_ids import is_personal_type
from eventstore.config.projections import SHORTEST_SECRET, Projection, ReplayDefaults, Way, hook_secret_problem
from eventstore.config.searchable_values import Searchable, hash_key_problem
from eventstore.config.stories import Placeholder
from eventstore.config.subscriptions import fits

__all__ = [
    "DATA",
    "OF_THE_MESSAGE",
    "OF_THE_STORE",
    "SHORTEST_SECRET",
    "About",
    "Access",
    "AccessLimit",
    "AccessScope",
    "Alerts",
    "Config",
    "Installation",
    "Kind",
    "Limits",
    "Masking",
    "MaskingRule",
    "Parts",
    "PayloadMarks",
    "PayloadStanding",
    "Placeholder",
    "Projection",
    "ReplayDefaults",
    "Searchable",
    "Show",
    "ValuePath",
    "Way",
    "Wild",
    "fits",
    "hash_key_problem",
    "hook_secret_problem",
    "is_personal_type",
    "load_config",
    "mark_key_problem",
    "migrate_command",
    "shell_command",
    "spelled",
    "standing_of",
    "value_path",
]
