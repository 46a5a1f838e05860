"""Find out which key a request brings, whether the key may do what it asks, and whether it asks too often.

A key is never written anywhere: not in a log, and not in an answer.
"""

from __future__ import annotations

from newsletter.api_keys import ApiKey
from newsletter.web.api.operations import ApiSite, Operation
from newsletter.web.api.problems import RefusalError
from newsletter.web.api.short_reads import FindKey

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="newsletter"'}
HOW = "Send `Authorization: Bearer nlk_...`; make a key with `newsletter keys add`."


def admit(site: ApiSite, find: FindKey, authorization: str, operation: Operation) -> ApiKey:
    """Return the key of a request that may be answered. Raises RefusalError: 401, 403 or 429."""
    key = _key_of(find, authorization)
    if operation.scope not in key.scopes:
        detail = f'the key "{key.name}" lacks the scope "{operation.scope}"'
        raise RefusalError("scope-needed", detail, hint="Make one that has it: `newsletter keys add --scope`.")
    if seconds := site.limits.take(key.id):
        detail = f"at most {site.publication.config.api.per_key} requests by one key ([api] per_key)"
        raise RefusalError("too-many-requests", detail, headers={"Retry-After": str(seconds)})
    return key


def _key_of(find: FindKey, authorization: str) -> ApiKey:
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise RefusalError("key-needed", "the request has no key", hint=HOW, headers=_CHALLENGE)
    key = find(secret.strip())
    if key is None:
        challenge = {"WWW-Authenticate": f'{_CHALLENGE["WWW-Authenticate"]}, error="invalid_token"'}
        raise RefusalError("key-needed", "the key is unknown or revoked", hint=HOW, headers=challenge)
    return key
