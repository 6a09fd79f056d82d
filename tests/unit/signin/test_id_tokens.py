"""Which ID tokens are believed."""

import time
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from dashboard.setup.sign_in import Provider
from dashboard.signin.id_tokens import claims_of
from dashboard.signin.provider import Asking, Unusable

ISSUER, CLIENT, NONCE = "https://login.example.org/realms/desk", "eventdesk", "n-1"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: rsa.RSAPrivateKey, kid: str = "k-1") -> dict[str, Any]:
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": "RS256"}


class Known:
    """As ``Asking``, of keys that are known."""

    provider = Provider(issuer=ISSUER, client_id=CLIENT, secret="a-secret-that-is-shared-with-the-client", name="Here")

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.known = {"keys": list(keys)}
        self.fetched = 0

    def metadata(self) -> dict[str, Any]:
        return {"issuer": ISSUER}

    def keys(self, *, anew: bool = False) -> dict[str, Any]:
        self.fetched += anew
        return self.known


def token(key: Any, *, algorithm: str = "RS256", kid: str | None = "k-1", **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": CLIENT, "sub": "s-1", "nonce": NONCE, "iat": now, "exp": now + 300} | changes
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key, algorithm=algorithm, headers={"kid": kid} if kid else {})


def believed(text: object, known: Known, nonce: str = NONCE) -> dict[str, Any]:
    return claims_of(text, asking=cast(Asking, known), nonce=nonce)


def test_a_token_of_the_provider_for_this_installation_and_this_sign_in_is_believed(key: rsa.RSAPrivateKey) -> None:
    assert believed(token(key), Known(jwk(key)))["sub"] == "s-1"
    assert believed(token(key, kid=None), Known(jwk(key)))["sub"] == "s-1"
    assert believed(token(key, aud=[CLIENT, "other"], azp=CLIENT), Known(jwk(key)))["sub"] == "s-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example.org"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": None},
        {"aud": [CLIENT, "other"]},
        {"azp": "another-client"},
        {"nonce": "n-2"},
        {"nonce": None},
        {"exp": 1_600_000_000},
        {"exp": None},
        {"iat": None},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 192},
        {"sub": "a\nb"},
    ],
    ids=str,
)
def test_a_token_for_others_of_others_or_of_another_time_is_refused(key: rsa.RSAPrivateKey, changes: dict[str, Any]) -> None:
    with pytest.raises(Unusable) as refused:
        believed(token(key, **changes), Known(jwk(key)))
    assert "s-1" not in str(refused.value)


def test_a_sign_in_without_a_nonce_fits_no_token(key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(Unusable):
        believed(token(key, nonce=""), Known(jwk(key)), nonce="")


def test_a_signature_by_another_key_by_the_shared_secret_or_none_is_refused(key: rsa.RSAPrivateKey) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    shared = {"kty": "oct", "kid": "k-1", "alg": "HS256", "k": "YS1zZWNyZXQtdGhhdC1pcy1zaGFyZWQtd2l0aC10aGUtY2xpZW50"}
    by_secret = token(Known.provider.secret, algorithm="HS256")
    for text, known in (
        (token(other), Known(jwk(key))),
        (token(other, kid="k-2"), Known(jwk(key))),
        (token(key, kid=None), Known(jwk(key), jwk(other, "k-2"))),
        (by_secret, Known(jwk(key))),
        (by_secret, Known(shared)),
        (token("", algorithm="none"), Known(jwk(key))),
        ("not.a.token", Known(jwk(key))),
        ("", Known(jwk(key))),
        (None, Known(jwk(key))),
        (token(key), Known()),
    ):
        with pytest.raises(Unusable):
            believed(text, known)


def test_keys_are_fetched_anew_where_none_fits(key: rsa.RSAPrivateKey) -> None:
    known = Known(jwk(key))
    believed(token(key), known)
    assert known.fetched == 0
    with pytest.raises(Unusable):
        believed(token(key, kid="k-2"), known)
    assert known.fetched == 1
