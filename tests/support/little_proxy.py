"""A small HTTP proxy on the loopback interface: it forwards plain HTTP, and tunnels after a CONNECT."""

from __future__ import annotations

import base64
import socket
import socketserver
import threading
from contextlib import suppress
from typing import cast
from urllib.parse import urlsplit


class LittleProxy(socketserver.ThreadingTCPServer):
    """
    Forwards every request to one port, and records it.

    :param leads_to: the port of 127.0.0.1, in place of the request's host.
    :param answers: a response, byte for byte, that it sends instead.
    """

    daemon_threads = True

    def __init__(self, leads_to: int, answers: bytes | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.leads_to = leads_to
        self.answers = answers
        self.requests: list[str] = []
        self.logins: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> LittleProxy:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(socketserver.StreamRequestHandler):
    rbufsize = 0

    def handle(self) -> None:
        proxy = cast(LittleProxy, self.server)
        request, *headers = iter(lambda: self.rfile.readline().decode().strip(), "")
        method, target, _ = request.split()
        login = [h.partition(": Basic ")[2] for h in headers if h.lower().startswith("proxy-authorization")]
        proxy.requests.append(f"{method} {target}")
        proxy.logins.append(base64.b64decode("".join(login)).decode("latin-1"))
        if proxy.answers is not None:
            self.wfile.write(proxy.answers)
            return
        with socket.create_connection(("127.0.0.1", proxy.leads_to)) as tenant:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                kept = [h for h in headers if not h.lower().startswith(("proxy-", "connection:"))]
                lines = [f"{method} {urlsplit(target).path} HTTP/1.1", *kept, "Connection: close", "", ""]
                tenant.sendall("\r\n".join(lines).encode())
            threading.Thread(target=_pump, args=(self.connection, tenant), daemon=True).start()
            _pump(tenant, self.connection)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
