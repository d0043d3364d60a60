"""A certificate authority for one test run, with a certificate for servers at ``localhost`` and one for clients."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "localhost"  # and no address: a client that names 127.0.0.1 must be refused
DAY = datetime.timedelta(days=1)


class Certificates:
    """The files ``ca.pem``, ``server.pem``, ``client.pem`` and the keys ``server.key``, ``client.key``."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("an authority for tests")
        authority = x509.BasicConstraints(ca=True, path_length=None)
        self._write("ca.pem", self._sign(self._name, self._key, authority))
        for role, name in (("server", NAME), ("client", "a client")):
            self._issue(role, name)

    def path(self, name: str) -> str:
        return str(self._directory / name)

    @property
    def options(self) -> str:
        """The options of an address that trusts the authority and shows the certificate for clients."""
        files = {"ssl_ca_certs": "ca.pem", "ssl_certfile": "client.pem", "ssl_keyfile": "client.key"}
        return "?" + "&".join(f"{option}={self.path(name)}" for option, name in files.items())

    def server_context(self) -> ssl.SSLContext:
        """Accepts only clients with a certificate of this authority, as Redis does unless it is told otherwise."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.path("server.pem"), self.path("server.key"))
        made.load_verify_locations(self.path("ca.pem"))
        made.verify_mode = ssl.CERT_REQUIRED
        return made

    def _issue(self, role: str, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self._write(f"{role}.pem", self._sign(_name(name), key, x509.SubjectAlternativeName([x509.DNSName(name)])))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        self._write(f"{role}.key", key.private_bytes(serialization.Encoding.PEM, *form))

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        unsigned = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        )
        return unsigned.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _write(self, name: str, content: bytes) -> None:
        (self._directory / name).write_bytes(content)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
