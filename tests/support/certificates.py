"""Certificates for the servers of tests."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


class Authority:
    """A certificate authority that the hook trusts during a test; ``file`` holds its certificate."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._certify("authority", self._key, None)
        self.file = folder / "authority.pem"
        self.file.write_bytes(_pem(self._certificate))
        trusted = ssl.create_default_context(cafile=str(self.file))
        monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusted)

    def certificate_of(self, host: str, days: tuple[int, int] = (-1, 1)) -> Path:
        """Return a file with the host's certificate and key. ``days``: first and last day it is valid, from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = self._folder / f"{host}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + _pem(self._certify(host, key, self._certificate, days)))
        return path

    def _certify(
        self, name: str, key: Key, issuer: x509.Certificate | None, days: tuple[int, int] = (-1, 1)
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
