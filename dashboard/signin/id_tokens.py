"""Checks of an ID token: OpenID Connect Core 1.0, section 3.1.3.7."""

from typing import Any

import jwt

from dashboard.signin.provider import Asking, Json, Unusable

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that only the provider has; never by the shared secret, nor none."""
CLOCKS_DIFFER_BY = 60
LONGEST_SUBJECT = 191
"""Characters; what django-allauth's column takes."""


def claims_of(id_token: object, *, asking: Asking, nonce: str) -> Json:
    """What the token says, if it is the provider's own, for this installation, for this very sign-in, and of now.

    Raises ``Unusable``, which holds nothing of the token, and ``Away``.
    """
    if not isinstance(id_token, str):
        raise Unusable("there is no ID token")
    try:
        key = _key(id_token, asking.keys()) or _key(id_token, asking.keys(anew=True))
        if key is None:
            raise Unusable("its ID token is signed by no key of the provider")
        claims: Json = jwt.decode(
            id_token,
            key=key.key,
            algorithms=[key.algorithm_name] if key.algorithm_name in ALGORITHMS else [],
            audience=asking.provider.client_id,
            issuer=asking.metadata()["issuer"],
            leeway=CLOCKS_DIFFER_BY,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise Unusable(f"its ID token is not valid ({type(error).__name__})") from error
    _check(claims, client_id=asking.provider.client_id, nonce=nonce)
    return claims


def subject_in(claims: Json) -> str:
    """Raises ``Unusable`` where there is none that can be kept."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject.isprintable() or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise Unusable("its subject (sub) cannot be kept: it is missing, too long or not printable")
    return subject


def _check(claims: Json, *, client_id: str, nonce: str) -> None:
    if not nonce or claims.get("nonce") != nonce:
        raise Unusable("its ID token is not for this sign-in (nonce)")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise Unusable("its ID token was made for another client (azp)")
    subject_in(claims)


def _key(id_token: str, keys: Json) -> jwt.PyJWK | None:
    """The key of the token's ``kid``; the only one where the token names none."""
    kid: Any = jwt.get_unverified_header(id_token).get("kid")
    fitting = [key for key in jwt.PyJWKSet.from_dict(keys).keys if key.public_key_use in (None, "sig")]
    if kid is None:
        return fitting[0] if len(fitting) == 1 else None
    return next((key for key in fitting if key.key_id == kid), None)
