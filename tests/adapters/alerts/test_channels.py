"""Mail and webhook against real servers on this machine: what arrives, what is refused, and how long it may take."""

import datetime
import ipaddress
import json
import socket
import ssl
import time
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from receivers import hook, mail_server

from adapters.alerts import open_channel, smtp
from adapters.alerts.addresses import is_near
from adapters.alerts.webhook import signature, verified
from application.ports import Notice, StandingAlert
from domain.alert import Alert
from domain.errors import BadInput, ChannelFailed

AT = datetime.datetime(2026, 11, 24, 8, 5, tzinfo=UTC)
ALERT = Alert(
    key="settlement/28471003921",
    object="settlement 28471003921",
    problem="is held",
    cause="no rule for Order | Other | Größe",
    what_to_do="ml-connector mapping set us …",
    path="/flows/us/settlements/28471003921",
    money={"USD": 1738, "XXQ": 5},
)
ABOUT = StandingAlert("a1b2", AT, ALERT)
RAISED = Notice("a1b2-raised", "us", "raised", AT, "https://books.example.com/flows/us/settlements/28471003921", ABOUT)
CLEARED = Notice("a1b2-cleared", "us", "cleared", AT, RAISED.link, StandingAlert("a1b2", AT, ALERT, AT))
SECRET = "0123456789abcdef-signing"
PASSWORD = "hunter2-but-longer"


class NoQuotas:
    def reserve(self, key: str, rate: float, burst: float) -> float:
        return 0.0

    def pause(self, key: str, seconds: float) -> None:
        pass

    def announce(self, key: str, rate: float) -> None:
        pass

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def count(self, flow: str, vendor: str, operation: str, calls: int = 1) -> None:
        pass


def channel(settings: dict[str, str]) -> Any:
    return open_channel("us", settings, NoQuotas(), lambda: AT)


def mail(number: int, **more: str) -> dict[str, str]:
    return {
        "kind": "smtp", "host": "127.0.0.1", "port": str(number), "security": "none",
        "from": "ml@example.com", "to": "books@example.com, ada@example.com", **more,
    }  # fmt: skip


def test_a_mail_says_everything_and_threads_with_its_end() -> None:
    with mail_server() as server:
        open_it = channel(mail(server.port))
        open_it.send(RAISED)
        open_it.send(CLEARED)

        raised, cleared = server.mails
    assert raised["Subject"] == ("[ml-connector us] settlement 28471003921 is held, 17.38 USD, 5 minor units XXQ")
    assert raised["To"] == "books@example.com, ada@example.com"
    assert raised["Message-ID"] == "<a1b2-raised@example.com>"
    text = raised.get_content()
    for words in ("17.38 USD", "no rule for Order | Other | Größe", "mapping set us", RAISED.link):
        assert words in text
    assert cleared["In-Reply-To"] == raised["Message-ID"]
    assert "Over: " in cleared["Subject"]
    assert "the cause is gone" in cleared.get_content()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS context whose certificate this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), False)
        .add_extension(x509.BasicConstraints(True, 0), True)
        .sign(key, hashes.SHA256())
    )
    pem, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, private)
    return context


def test_a_mail_goes_over_starttls_with_a_password(trusted: ssl.SSLContext) -> None:
    with mail_server(user="ml", password=PASSWORD, tls=trusted) as server:
        secured = mail(server.port, security="starttls", user="ml", password=PASSWORD)
        channel(secured).send(RAISED)
        assert len(server.mails) == 1

        with pytest.raises(ChannelFailed, match="535") as raised:
            channel({**secured, "password": "wrong-and-secret"}).send(RAISED)
        assert "wrong-and-secret" not in repr(raised.value)
        assert raised.value.__context__ is None
        with pytest.raises(ChannelFailed, match="STARTTLS"):
            channel(mail(server.port)).send(RAISED)


def test_a_certificate_nobody_vouches_for_is_refused(trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with mail_server(user="ml", password=PASSWORD, tls=trusted) as server:
        with pytest.raises(ChannelFailed, match=r"(?i)certificate"):
            channel(mail(server.port, security="starttls", user="ml", password=PASSWORD)).send(RAISED)
        assert server.mails == []


def test_a_mail_server_that_refuses_or_is_not_there_fails_the_channel() -> None:
    with mail_server() as server:
        server.answer = "452 4.2.2 mailbox full"
        with pytest.raises(ChannelFailed, match="452"):
            channel(mail(server.port)).send(RAISED)
        port = server.port
    with pytest.raises(ChannelFailed, match="refused"):
        channel(mail(port)).send(RAISED)


def test_a_mail_server_that_drips_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "WHOLE_SECONDS", 0.6)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        import threading

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 hello\r\n")
                try:
                    while True:
                        connection.sendall(b"2")
                        time.sleep(0.05)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(ChannelFailed):
            channel(mail(listener.getsockname()[1])).send(RAISED)
    assert time.monotonic() - began < 3


def test_a_webhook_is_signed_so_that_its_receiver_can_check_it() -> None:
    with hook() as receiver:
        channel({"kind": "webhook", "url": receiver.url, "secret": SECRET}).send(RAISED)
        ((headers, body),) = receiver.posts

    assert headers["idempotency-key"] == "a1b2-raised"
    header = headers["ml-connector-signature"]
    assert verified(SECRET, body, header, AT)
    assert not verified("another secret, as long", body, header, AT)
    assert not verified(SECRET, body + b" ", header, AT)
    assert not verified(SECRET, body, header, AT + datetime.timedelta(minutes=6))
    assert not verified(SECRET, body, signature(SECRET, body, AT).replace("t=1", "t=2"), AT)
    assert not verified(SECRET, body, "nonsense", AT)
    told = json.loads(body)
    assert (told["event"], told["flow"], told["alert"]["link"]) == ("raised", "us", RAISED.link)
    assert told["alert"]["money"] == [
        {"amount": "17.38", "currency": "USD"},
        {"amount": "5 minor units", "currency": "XXQ"},
    ]
    assert set(told["alert"]) == {
        "id", "key", "object", "problem", "money", "cause", "what_to_do", "link", "raised_at", "cleared_at",
    }  # fmt: skip


@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_anything_but_success_fails_the_webhook(status: int) -> None:
    with hook() as receiver:
        receiver.status = status
        with pytest.raises(ChannelFailed, match=str(status)) as raised:
            channel({"kind": "webhook", "url": receiver.url, "secret": SECRET}).send(RAISED)
        assert len(receiver.posts) == 1
        assert "path-of-the-receiver" not in str(raised.value)


def test_a_webhook_that_hangs_up_fails_the_channel() -> None:
    with hook() as receiver:
        receiver.dead = True
        with pytest.raises(ChannelFailed, match="could not be reached"):
            channel({"kind": "webhook", "url": receiver.url, "secret": SECRET}).send(RAISED)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "pigeon"}, "smtp or webhook"),
        (mail(25, host=""), "host name"),
        (mail(25, port="smtp"), "1 to 65535"),
        (mail(25, to=""), "books@example.com"),
        (mail(25, to="Ada <ada@example.com>"), "books@example.com"),
        (mail(25, **{"from": "a@b\r\nBcc: x@y"}), "books@example.com"),
        (mail(25, security="ssl"), "starttls, tls, none"),
        (mail(25, user="ml"), "go together"),
        (mail(25, host="mail.example.com", user="ml", password="x" * 9), "in the clear"),
        ({"kind": "webhook", "url": "http://example.com/x", "secret": SECRET}, "https"),
        ({"kind": "webhook", "url": "https://me:pw@example.com/x", "secret": SECRET}, "without user and password"),
        ({"kind": "webhook", "url": "ftp://example.com", "secret": SECRET}, "https://example.com/hook"),
        ({"kind": "webhook", "url": "https://example.com", "secret": "short"}, "at least 16"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_what_is_expected(settings: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        channel(settings)


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", True), ("::1", True), ("localhost", True), ("mailpit", True), ("db_1", True),
        ("8.8.8.8", False), ("2001:db8::1", False), ("134744072", False), ("0x8080808", False), ("example.com", False),
        ("", False),
    ],
)  # fmt: skip
def test_plain_text_is_spoken_to_neighbours_only(host: str, near: bool) -> None:
    """A number is an address in any notation, and may be anywhere."""
    assert is_near(host) is near
