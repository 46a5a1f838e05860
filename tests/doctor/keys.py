"""RSA keys for DKIM, made once: their public halves as DNS has them, and one private half."""

from __future__ import annotations

import base64
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa


@cache
def private_key(bits: int = 1024) -> rsa.RSAPrivateKey:
    """1024 bits unless a test is about the length: they are made in a few milliseconds."""
    return rsa.generate_private_key(65537, bits)


def private_pem(bits: int = 1024) -> str:
    raw = private_key(bits).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return raw.decode()


def public_key(bits: int = 1024) -> str:
    """The `p=` of a key."""
    return _encoded(private_key(bits).public_key())


def dkim_record(bits: int = 2048) -> str:
    return f"v=DKIM1; k=rsa; p={public_key(bits)}"


@cache
def ed25519_key() -> str:
    raw = ed25519.Ed25519PrivateKey.generate().public_key()
    return base64.b64encode(raw.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)).decode()


def _encoded(key: rsa.RSAPublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()
