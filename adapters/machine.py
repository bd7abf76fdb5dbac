"""What a doctor sees of this machine: the database, the master keys, the disk. Nothing it writes stays."""

import shutil
import stat
import time
from pathlib import Path

from adapters.database import Database
from adapters.keyring import KEY_ID_LENGTH, KeyRing
from adapters.views.schema import CHECKPOINTS, STANDING, VERSION
from application.ports import DiskFacts, KeyFacts, StoreFacts


class _RollBack(Exception):
    """Undoes a write that was only a trial."""


class ThisMachine:
    """ports.Machine over the services of one installation."""

    def __init__(self, database: Database, keyring: KeyRing, home: Path) -> None:
        self._database = database
        self._keyring = keyring
        self._home = home

    def store(self) -> StoreFacts:
        """See ports.Machine.store."""
        database = self._database
        postgresql = database.dialect == "postgresql"
        ahead = None
        try:
            with database.transaction() as cursor:
                cursor.execute("SHOW server_version" if postgresql else "SELECT sqlite_version()")
                version = str(cursor.fetchall()[0][0])
                if postgresql:
                    asked = time.time()
                    cursor.execute("SELECT EXTRACT(EPOCH FROM clock_timestamp())::float8")
                    ahead = float(cursor.fetchall()[0][0]) - (asked + time.time()) / 2
                    cursor.execute("SELECT pg_database_size(current_database())")
                else:
                    cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
                size = int(cursor.fetchall()[0][0])
                cursor.execute(f"SELECT version FROM {CHECKPOINTS} WHERE name = ?", (STANDING,))
                row = cursor.fetchone()
                cursor.execute("INSERT INTO quotas (name, next_free) VALUES ('doctor', 0)")
                raise _RollBack
        except _RollBack:
            pass
        return StoreFacts(
            kind="PostgreSQL" if postgresql else "SQLite",
            version=version,
            place=database.name,
            size=size,
            views=int(row[0]) if row is not None else None,
            views_wanted=VERSION,
            seconds_ahead=ahead,
        )

    def keys(self) -> KeyFacts:
        """See ports.Machine.keys."""
        exposed = ""
        path = self._keyring.path
        if path is not None:
            mode = path.stat().st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                exposed = f"{path} has mode {stat.S_IMODE(mode):04o}"
        return KeyFacts(self._keyring.origin, self._keyring.known, exposed, self._sealed(), path)

    def disk(self) -> DiskFacts:
        """See ports.Machine.disk."""
        folder = self._home
        if self._database.dialect == "sqlite":
            folder = Path(self._database.name).parent
        while not folder.exists():
            folder = folder.parent
        usage = shutil.disk_usage(folder)
        return DiskFacts(folder, usage.free, usage.total)

    def _sealed(self) -> dict[str, int]:
        """How many stored values each master key has sealed."""
        found: dict[str, int] = {}
        with self._database.reading() as cursor:
            for table, column in (("vault", "wrapped_key"), ("evidence", "content")):
                cursor.execute(
                    f"SELECT substr({column}, 1, {KEY_ID_LENGTH}), COUNT(*) FROM {table} "
                    f"GROUP BY substr({column}, 1, {KEY_ID_LENGTH})"
                )
                for key, count in cursor.fetchall():
                    key_id = bytes(key).decode("ascii", "replace")
                    found[key_id] = found.get(key_id, 0) + int(count)
        return found
