"""
``POST /oauth/token``: the client credentials grant, by secret or by private_key_jwt.

Source: Auth0 Authentication API, "Client Credentials Flow". It costs nothing of the Management API's rate limit.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from dev.sandbox.api.body import parse_fields
from dev.sandbox.api.fault_responses import apply_faults
from dev.sandbox.errors import ErrorResponse, throttled_token, token_error
from dev.sandbox.faults import Stage
from dev.sandbox.tenant.client_assertion import ASSERTION_TYPE
from dev.sandbox.tenant.logs import LogType, Visitor
from dev.sandbox.tenant.state import TenantState

_API: Final = "api/v2/"
_NO_AUDIENCE: Final = "No audience parameter was provided, and no default audience has been configured"


class TokenEndpoint:
    """Serves the token requests for one tenant."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant

    async def serve(self, request: Request) -> Response:
        """Return the response to one request: a token, or an error in OAuth's shape."""
        with self._tenant.token_request():
            raw = await request.body()
            await self._tenant.pause()
            try:
                response = await self._apply_faults("before") or self._issue(request, raw)
            except ErrorResponse as error:
                self._log(request, "feccft", "Failed exchange of Client Credentials for Access Token")
                response = error.response
            return await self._apply_faults("after") or response

    async def _apply_faults(self, stage: Stage) -> Response | None:
        return await apply_faults(self._tenant.faults.due(stage, "token", self._tenant.clock()))

    def _issue(self, request: Request, raw: bytes) -> Response:
        tenant, settings = self._tenant, self._tenant.settings
        for fault, _ in tenant.faults.due("token", "token", tenant.clock()):
            raise throttled_token(fault.status)
        try:
            fields = parse_fields(raw, request.headers.get("content-type", ""))
        except (ValueError, RecursionError) as error:
            raise token_error(400, "invalid_request", "The body is neither JSON nor a form") from error
        addresses = self._addresses(request)
        self._check_grant_type(fields)
        self._check_client(fields, addresses)
        audience = self._audience(fields, addresses)
        token = tenant.tokens.issue(
            settings.client_id, audience, settings.scopes, tenant.clock(), settings.token_lifetime
        )
        tenant.tokens_issued += 1
        self._log(request, "seccft", "Client Credentials for Access Token")
        body = {
            "access_token": token,
            "scope": " ".join(settings.scopes),
            "expires_in": settings.token_lifetime,
            "token_type": "Bearer",
        }
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    def _log(self, request: Request, kind: LogType, description: str) -> None:
        client_id = self._tenant.settings.client_id
        self._tenant.logs.write(kind, description, Visitor.of(request), client_id=client_id)

    def _addresses(self, request: Request) -> set[str]:
        """Return the tenant's addresses with their final slash: those of the request and of the settings."""
        public_url = self._tenant.settings.public_url
        named = {f"{scheme}://{request.headers.get('host', '')}/" for scheme in ("http", "https")}
        return named | ({public_url.rstrip("/") + "/"} if public_url else set())

    def _check_grant_type(self, fields: dict[str, Any]) -> None:
        grant_type = fields.get("grant_type")
        if not grant_type:
            raise token_error(400, "invalid_request", "Missing required parameter: grant_type")
        if grant_type != "client_credentials":
            raise token_error(403, "unsupported_grant_type", f"Unsupported grant type: {grant_type}")

    def _check_client(self, fields: dict[str, Any], addresses: set[str]) -> None:
        settings = self._tenant.settings
        assertion = fields.get("client_assertion")
        login = (fields.get("client_id"), fields.get("client_secret"))
        if fields.get("client_assertion_type") == ASSERTION_TYPE and isinstance(assertion, str):
            self._tenant.assertions.check(assertion, addresses, self._tenant.clock())
        elif not settings.client_secret or login != (settings.client_id, settings.client_secret):
            raise token_error(401, "access_denied", "Unauthorized")

    def _audience(self, fields: dict[str, Any], addresses: set[str]) -> str:
        audience = fields.get("audience")
        if not audience:
            raise token_error(403, "access_denied", _NO_AUDIENCE)
        if audience not in {address + _API for address in addresses}:
            raise token_error(403, "access_denied", f"Service not found: {audience}")
        return str(audience)
