"""Encrypt what must not be read in a stolen database: secrets, and the personal values in the audit log.

AES-256-GCM. Each person (golden record) has a key of its own, wrapped by the master key, so that erasing the person is
destroying one key. What a ciphertext belongs to is bound into it, so that it cannot be moved to another row.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.core.errors import Stop

NONCE = 12


class Vault:
    """Seals and opens bytes under the master key (32 bytes). `fresh(n)` makes random bytes; tests may pass their own."""

    def __init__(self, master: bytes, fresh: Callable[[int], bytes] = os.urandom) -> None:
        if len(master) != 32:
            raise Stop(
                f"the master key has {len(master)} bytes, not 32",
                unchanged="Nothing was read or written",
                next="set ACCORDANT_KEY to the key that `accordant init` made, or restore .accordant/key",
                code="E-KEY",
            )
        self._master = AESGCM(master)
        self.fresh = fresh

    def seal(self, plain: bytes, about: str) -> bytes:
        nonce = self.fresh(NONCE)
        return nonce + self._master.encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        return _open(self._master, sealed, about)

    def new_person(self, golden: str) -> tuple[bytes, bytes]:
        """A new data key: (the key, the key wrapped for storing)."""
        key = self.fresh(32)
        return key, self.seal(key, f"person:{golden}")

    def person(self, wrapped: bytes, golden: str) -> bytes:
        return self.open(wrapped, f"person:{golden}")

    def seal_with(self, key: bytes, plain: bytes, about: str) -> bytes:
        nonce = self.fresh(NONCE)
        return nonce + AESGCM(key).encrypt(nonce, plain, about.encode())

    def open_with(self, key: bytes, sealed: bytes, about: str) -> bytes:
        return _open(AESGCM(key), sealed, about)


def _open(cipher: AESGCM, sealed: bytes, about: str) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], about.encode())
    except InvalidTag as error:
        raise Stop(
            "a stored secret cannot be opened with this master key",
            where=about,
            unchanged="Nothing was changed",
            why="Another key made it, or it was moved from where it belongs",
            next="use the ACCORDANT_KEY (or .accordant/key) with which this database was made",
            code="E-KEY",
        ) from error
