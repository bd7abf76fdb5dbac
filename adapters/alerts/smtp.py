"""Alerts by mail. A whole delivery is bounded: a server that answers drop by drop is hung up on."""

import smtplib
import socket
import ssl
import threading
from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses

from adapters.alerts import text
from adapters.alerts.addresses import is_near
from adapters.http import Hidden, scrubbed
from application.ports import Notice
from domain.errors import BadInput, ChannelFailed

STEP_SECONDS = 5.0  # connecting, and each answer
WHOLE_SECONDS = 15.0
SECURITIES = ("starttls", "tls", "none")
PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Mail:
    """ports.Alerts over one SMTP server. Settings: host, port, security, user, password, from, to (with commas)."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._host = settings.get("host", "")
        self._security = settings.get("security") or "starttls"
        self._user = settings.get("user", "")
        self._password = Hidden(settings.get("password", ""))
        self._from = settings.get("from", "")
        self._to = [part.strip() for part in settings.get("to", "").split(",") if part.strip()]
        if self._security not in SECURITIES:
            raise BadInput(f"security {self._security!r}: expected one of {', '.join(SECURITIES)}")
        if not self._host or any(character.isspace() or character == "/" for character in self._host):
            raise BadInput(f"SMTP host {self._host!r}: expected a host name like smtp.example.com")
        self._port = _port(settings.get("port") or str(PORTS[self._security]))
        for name, address in (("from", self._from), *(("to", one) for one in self._to or [""])):
            if not _is_address(address):
                raise BadInput(f"mail address {name} {address!r}: expected one like books@example.com")
        if self._user and self._security == "none" and not is_near(self._host):
            raise BadInput("a password is not sent in the clear; choose --security starttls or tls")
        if bool(self._user) != bool(self._password.value):
            raise BadInput("an SMTP user and a password go together; give both or none")

    def send(self, notice: Notice) -> None:
        """See ports.Alerts.send."""
        message = self.message(notice)
        try:
            self._send(message)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            problem = _words(error)
        else:
            return
        # Out here, so that no error that may repeat the password hangs on it as context.
        raise ChannelFailed(f"mail server {self._host}:{self._port}: {problem}")

    def message(self, notice: Notice) -> EmailMessage:
        """The mail; its Message-ID is the notice's id, so that a repetition is known as such."""
        domain = self._from.rpartition("@")[2]
        message = EmailMessage()
        message["From"] = self._from
        message["To"] = ", ".join(self._to)
        message["Subject"] = text.subject(notice)
        message["Date"] = format_datetime(notice.at)
        message["Message-ID"] = f"<{notice.id}@{domain}>"
        if notice.kind == "cleared":
            message["In-Reply-To"] = message["References"] = f"<{notice.about.id}-raised@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text.body(notice))
        return message

    def _send(self, message: EmailMessage) -> None:
        context = ssl.create_default_context()
        name = socket.gethostname()
        server: smtplib.SMTP
        if self._security == "tls":
            server = smtplib.SMTP_SSL(self._host, self._port, name, timeout=STEP_SECONDS, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, name, timeout=STEP_SECONDS)
        hang_up = threading.Timer(WHOLE_SECONDS, _shut, [server])
        hang_up.start()
        try:
            if self._security == "starttls":
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password.value)
            server.send_message(message)
            # The mail is taken; what the server says to a farewell no longer matters.
            server.close()
        finally:
            hang_up.cancel()
            server.close()


def _shut(server: smtplib.SMTP) -> None:
    if server.sock is not None:
        server.sock.shutdown(socket.SHUT_RDWR)


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return scrubbed(f"{error.smtp_code} {said}")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"refused the recipients {', '.join(error.recipients)}"
    return scrubbed(str(error) or type(error).__name__)


def _port(value: str) -> int:
    if not value.isdigit() or not 0 < int(value) < 65_536:
        raise BadInput(f"port {value!r}: expected a number from 1 to 65535")
    return int(value)


def _is_address(value: str) -> bool:
    if any(character.isspace() or character in "<>,;" for character in value):
        return False
    try:
        ((_, plain),) = getaddresses([value])
        address = Address(addr_spec=plain)
    except (ValueError, IndexError):
        return False
    return bool(address.username and address.domain and plain == value)
