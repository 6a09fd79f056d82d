"""The root of the Merkle tree over the hashes of the record's entries, as RFC 6962 defines it.

Of the tree, only the whole subtrees are kept: at most one of each height. So a million entries take twenty hashes.
"""

from hashlib import sha256


class Tree:
    """A tree that grows. ``size`` is the number of its leaves."""

    def __init__(self) -> None:
        self.size = 0
        self._whole: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Add the next leaf: of an entry, the 32 bytes of its hash."""
        node = sha256(b"\0" + leaf).digest()
        rest = self.size
        while rest & 1:  # the last subtree is as high as this one
            node = sha256(b"\1" + self._whole.pop() + node).digest()
            rest >>= 1
        self._whole.append(node)
        self.size += 1

    def root(self) -> bytes:
        """32 bytes. The root of the empty tree is the hash of nothing."""
        if not self._whole:
            return sha256().digest()
        node = self._whole[-1]
        for left in reversed(self._whole[:-1]):
            node = sha256(b"\1" + left + node).digest()
        return node
