"""``POST /oauth/token``: the client credentials grant, by secret or by private_key_jwt.

Source: Auth0 Authentication API, "Client Credentials Flow". The endpoint's rate limit is its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi.responses import JSONResponse

from dev.sandbox.api.body import parse_fields
from dev.sandbox.api.fault_responses import struck_by
from dev.sandbox.errors import TokenError, throttled_token
from dev.sandbox.tenant.client_assertion import ASSERTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request, Response

    from dev.sandbox.faults import Stage
    from dev.sandbox.tenant.state import TenantState

_API: Final = "api/v2/"
_NO_AUDIENCE: Final = "No audience parameter was provided, and no default audience has been configured"
Fields = dict[str, Any]


class TokenEndpoint:
    """Answers token requests for one tenant."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant

    async def serve(self, request: Request) -> Response:
        """Answer one request: a token, or an error in OAuth's shape."""
        with self._tenant.token_request():
            return await self._answer(request)

    async def _answer(self, request: Request) -> Response:
        raw = await request.body()
        await self._tenant.pause()
        try:
            response = await self._strike("before") or self._issue(request, raw)
        except TokenError as error:
            response = error.response()
        return await self._strike("after") or response

    async def _strike(self, stage: Stage) -> Response | None:
        return await struck_by(self._tenant.faults.due(stage, "token", self._tenant.clock()))

    def _issue(self, request: Request, raw: bytes) -> Response:
        tenant, settings = self._tenant, self._tenant.settings
        self._check_limit()
        try:
            fields = parse_fields(raw, request.headers.get("content-type", ""))
        except (ValueError, RecursionError) as error:
            raise TokenError(400, "invalid_request", "The body is neither JSON nor a form") from error
        addresses = self._addresses(request)
        self._check_grant_type(fields)
        self._check_client(fields, addresses)
        audience = self._audience(fields, addresses)
        token = tenant.tokens.issue(
            settings.client_id, audience, settings.scopes, tenant.clock(), settings.token_lifetime
        )
        tenant.tokens_issued += 1
        answer = {
            "access_token": token,
            "scope": " ".join(settings.scopes),
            "expires_in": settings.token_lifetime,
            "token_type": "Bearer",
        }
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    def _check_limit(self) -> None:
        now = self._tenant.clock()
        for fault, _ in self._tenant.faults.due("token", "token", now):
            raise throttled_token(fault.status)
        if not self._tenant.token_bucket.take(now).allowed:
            raise throttled_token()

    def _addresses(self, request: Request) -> set[str]:
        host = request.headers.get("host", "")
        settings = self._tenant.settings
        named = {f"{scheme}://{host}/" for scheme in ("http", "https")}
        named |= {audience.removesuffix(_API) for audience in settings.audiences}
        return named | ({settings.public_url.rstrip("/") + "/"} if settings.public_url else set())

    def _check_grant_type(self, fields: Fields) -> None:
        grant_type = fields.get("grant_type")
        if not grant_type:
            raise TokenError(400, "invalid_request", "Missing required parameter: grant_type")
        if grant_type != "client_credentials":
            raise TokenError(403, "unsupported_grant_type", f"Unsupported grant type: {grant_type}")

    def _check_client(self, fields: Fields, addresses: set[str]) -> None:
        settings = self._tenant.settings
        assertion = fields.get("client_assertion")
        if fields.get("client_assertion_type") == ASSERTION_TYPE and isinstance(assertion, str):
            self._tenant.assertions.check(assertion, addresses, self._tenant.clock())
        elif not _knows_secret(fields, settings.client_id, settings.client_secret):
            raise TokenError(401, "access_denied", "Unauthorized")
        if not settings.client_credentials_grant:
            raise TokenError(403, "unauthorized_client", "Grant type 'client_credentials' not allowed for the client.")

    def _audience(self, fields: Fields, addresses: set[str]) -> str:
        settings = self._tenant.settings
        audience = fields.get("audience")
        if not audience:
            raise TokenError(403, "access_denied", _NO_AUDIENCE)
        if audience not in {*settings.audiences, *(address + _API for address in addresses)}:
            raise TokenError(403, "access_denied", f"Service not found: {audience}")
        if not settings.client_grant:
            raise TokenError(
                403,
                "access_denied",
                f'Client is not authorized to access "{audience}". You need to create a "client-grant" '
                "associated to this API.",
            )
        return str(audience)


def _knows_secret(fields: Mapping[str, Any], client_id: str, client_secret: str) -> bool:
    return bool(client_secret) and fields.get("client_id") == client_id and fields.get("client_secret") == client_secret
