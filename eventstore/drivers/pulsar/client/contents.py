"""What is particular about a message's payload: none at all, or one that nobody here can decrypt."""

from typing import Any

from msgspec.structs import replace

from eventstore.model.events import Message


def marked(message: Message, raw: Any) -> Message:
    """The message with ``null`` and ``encrypted`` set where the client's own object says so.

    Of an encrypted batch the client delivers the whole as one message, whose only properties are the batch's own.
    """
    if not message.payload:
        return replace(message, null=True) if raw.has_null_value() else message
    encryption = raw.encryption_context()
    if encryption is None or not encryption.is_decryption_failed():
        return message
    return replace(message, encrypted=True, encrypted_batch=max(0, encryption.batch_size()))
