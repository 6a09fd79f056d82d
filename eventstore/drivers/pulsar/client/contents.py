"""Special payloads: an absent one, or one that cannot be decrypted here."""

from typing import Any

from msgspec.structs import replace

from eventstore.model.events import Message


def marked(message: Message, raw: Any) -> Message:
    """Return the message with ``null`` and ``encrypted`` set if the client's object says so.

    The client delivers an encrypted batch as one message, whose only properties are those of the batch.
    """
    if not message.payload:
        return replace(message, null=True) if raw.has_null_value() else message
    encryption = raw.encryption_context()
    if encryption is None or not encryption.is_decryption_failed():
        return message
    return replace(message, encrypted=True, encrypted_batch=max(0, encryption.batch_size()))
