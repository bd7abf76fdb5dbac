"""The read side: folds the log into its tables in batches and answers the ports' queries.

A batch is read and folded outside of any transaction, then written in one: first the checkpoint, whose row says what
the fold started from, then the rows. Who folded from a state that is no longer the standing one changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import uuid4

import msgspec

from adapters.database import Cursor, Database, insert_many, open_database
from adapters.views import ledger, queries
from adapters.views.bank_fold import needed_bank
from adapters.views.fold import Fold
from adapters.views.needed import needed, needed_by_postings
from adapters.views.rows import Key
from adapters.views.schema import (
    AUDIT,
    CHECKPOINTS,
    CREATE_CHECKPOINTS,
    DEPENDENCIES,
    HELD,
    NAMED_ORDERS,
    NEXT,
    NEXT_SUFFIX,
    OLD_SUFFIX,
    POSTINGS,
    STANDING,
    TABLES,
    TOLD_ACCOUNTS,
    VERSION,
    Table,
)
from application.ports import Recorded
from domain.errors import Conflict, ConnectorError

BATCH_EVENTS = 20_000
KEYS_PER_QUERY = 500
RACES = 1_000  # lost races after which something else must be wrong
SWAPS = 20

_SETUP_LOCK = 7_226_001  # PostgreSQL: one at a time makes tables


class Log(Protocol):
    """What the views need of `ports.EventStore`: to read the log in order."""

    def read(self, after: int, limit: int, upto: int | None = None) -> list[Recorded]: ...


class DatabaseViews:
    """`application.ports.Views` over a database; many threads and processes may use their own at once."""

    def __init__(
        self, database: Database, store: Log, *, upto: int | None = None, batch_events: int = BATCH_EVENTS
    ) -> None:
        """Nothing behind position `upto` is folded: views as of then. Makes the tables where there are none."""
        self._database = database
        self._store = store
        self._upto = upto
        self._batch_events = batch_events
        self._prepare()

    # --- folding ----------------------------------------------------------------------------------------------

    def catch_up(self) -> int:
        """Fold what is new; the position reached. Views of an older version are rebuilt first."""
        races = 0
        while True:
            standing = self._checkpoint(STANDING)
            if standing.version < VERSION:
                self.rebuild()
                continue
            if standing.version > VERSION:
                raise ConnectorError("the views were built by a newer version of ml-connector; restart this process")
            folded = self._fold_batch(standing)
            if folded == 0:
                return standing.position
            races += folded is None
            if races > RACES:
                raise Conflict(f"others fold the log at the same time and were faster {RACES} times; try again")

    def rebuild(self) -> int:
        """Build all tables anew beside the standing ones and swap; the number of events folded.

        Interrupted, it leaves the standing tables as they are, and the next rebuild cleans up. Raises Conflict where
        another rebuild was begun meanwhile: that one goes on.
        """
        build = _token()
        self._begin_rebuild(build)
        events = 0
        try:
            for attempt in range(1, SWAPS + 1):
                events += self._fold_rebuild(build)
                if attempt == 1:  # on full tables: much faster than row by row
                    self._create_indexes(NEXT_SUFFIX, build)
                    events += self._fold_rebuild(build)
                if self._swap(build):
                    self._drop(OLD_SUFFIX)
                    return events
        except _TakenOver:
            raise Conflict("another rebuild of the views was begun meanwhile; it goes on, this one stops") from None
        except Exception as error:
            if self._taken_over(build):  # the other one dropped our tables under our hands
                raise Conflict(
                    "another rebuild of the views was begun meanwhile; it goes on, this one stops"
                ) from error
            raise
        raise Conflict("the standing views moved on faster than the new ones; stop the other processes and try again")

    def _fold_batch(self, start: "_Checkpoint") -> int | None:
        """Fold one batch from a checkpoint; how many events, None if the checkpoint is not the standing one."""
        batch = self._store.read(start.position, self._batch_events, self._upto)
        if not batch:
            return 0
        suffix = NEXT_SUFFIX if start.name == NEXT else ""
        fold = Fold()
        with self._database.reading() as cursor:
            had = _load(cursor, suffix, fold, batch)
        fold.apply(batch)
        with self._database.transaction() as cursor:
            cursor.execute(
                f"UPDATE {CHECKPOINTS} SET position = ? WHERE name = ? AND position = ? AND build = ?",
                [batch[-1].position, start.name, start.position, start.build],
            )
            if cursor.rowcount != 1:
                return None
            _write(cursor, suffix, fold, had)
        return len(batch)

    # --- the tables -------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._database.create_schema([CREATE_CHECKPOINTS])
        with self._database.transaction() as cursor:
            self._one_at_a_time(cursor)
            cursor.execute(f"SELECT version FROM {CHECKPOINTS} WHERE name = ?", [STANDING])
            if cursor.fetchone() is not None:
                return
            build = _token()
            self._create(cursor, "")
            for table in TABLES:
                for sql in table.create_indexes("", build):
                    cursor.execute(sql)
            cursor.execute(f"INSERT INTO {CHECKPOINTS} VALUES (?, ?, ?, ?)", [STANDING, 0, build, VERSION])

    def _one_at_a_time(self, cursor: Cursor) -> None:
        """Until the transaction ends: CREATE IF NOT EXISTS alone fails where two are at it. SQLite has one writer."""
        if self._database.dialect == "postgresql":
            cursor.execute("SELECT pg_advisory_xact_lock(?)", [_SETUP_LOCK])

    def _create(self, cursor: Cursor, suffix: str) -> None:
        text = 'TEXT COLLATE "C"' if self._database.dialect == "postgresql" else "TEXT"
        for table in TABLES:
            cursor.execute(table.create(suffix, text))

    def _create_indexes(self, suffix: str, build: str) -> None:
        with self._database.transaction() as cursor:
            for table in TABLES:
                for sql in table.create_indexes(suffix, build):
                    cursor.execute(sql)

    def _drop(self, suffix: str) -> None:
        with self._database.transaction() as cursor:
            for table in TABLES:
                cursor.execute(f"DROP TABLE IF EXISTS {table.name}{suffix}")

    def _begin_rebuild(self, build: str) -> None:
        """Clean up after an interrupted rebuild, and stop one that still runs: its build is no longer the next."""
        with self._database.transaction() as cursor:
            self._one_at_a_time(cursor)
            cursor.execute(f"DELETE FROM {CHECKPOINTS} WHERE name = ?", [NEXT])
            for table in TABLES:
                for suffix in (NEXT_SUFFIX, OLD_SUFFIX):
                    cursor.execute(f"DROP TABLE IF EXISTS {table.name}{suffix}")
            self._create(cursor, NEXT_SUFFIX)
            cursor.execute(f"INSERT INTO {CHECKPOINTS} VALUES (?, ?, ?, ?)", [NEXT, 0, build, VERSION])

    def _fold_rebuild(self, build: str) -> int:
        events = 0
        while True:
            following = self._checkpoint(NEXT)
            if following.build != build:
                raise _TakenOver
            folded = self._fold_batch(following)
            if folded is None:
                raise _TakenOver
            if folded == 0:
                return events
            events += folded

    def _swap(self, build: str) -> bool:
        """The new tables take the names of the standing ones; False if those have got further meanwhile."""
        with self._database.transaction() as cursor:
            cursor.execute(
                f"DELETE FROM {CHECKPOINTS} WHERE name = ? AND position <= "
                f"(SELECT position FROM {CHECKPOINTS} WHERE name = ? AND build = ?)",
                [STANDING, NEXT, build],
            )
            if cursor.rowcount == 0:
                return False
            cursor.execute(f"UPDATE {CHECKPOINTS} SET name = ? WHERE name = ? AND build = ?", [STANDING, NEXT, build])
            if cursor.rowcount == 0:
                raise _TakenOver
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table.name} RENAME TO {table.name}{OLD_SUFFIX}")
                cursor.execute(f"ALTER TABLE {table.name}{NEXT_SUFFIX} RENAME TO {table.name}")
        return True

    def _taken_over(self, build: str) -> bool:
        try:
            return self._checkpoint(NEXT).build != build
        except _TakenOver:
            return True

    def _checkpoint(self, name: str) -> "_Checkpoint":
        with self._database.reading() as cursor:
            cursor.execute(f"SELECT name, position, build, version FROM {CHECKPOINTS} WHERE name = ?", [name])
            row = cursor.fetchone()
        if row is None:
            raise _TakenOver
        return _Checkpoint(*row)

    # --- what the cycle asks ------------------------------------------------------------------------------------

    def flows(self) -> list[str]:
        """The names of all flows."""
        return self._texts("SELECT flow FROM flows ORDER BY flow", [])

    def watermark(self, flow: str, source: str) -> tuple[str, tuple[str, ...]] | None:
        """The cursor of a source and the ids seen in its overlap."""
        with self._database.reading() as cursor:
            cursor.execute("SELECT cursor, seen FROM watermarks WHERE flow = ? AND source = ?", [flow, source])
            row = cursor.fetchone()
        return None if row is None or not row[0] else (row[0], tuple(msgspec.json.decode(row[1], type=list[str])))

    def ready_postings(self, flow: str, kind: str, limit: int) -> list[str]:
        """Keys of planned postings of a kind all of whose dependencies are posted, oldest first."""
        return self._texts(
            "SELECT p.key FROM postings p WHERE p.flow = ? AND p.kind = ? AND p.status = 'planned' AND NOT EXISTS ("
            "SELECT 1 FROM posting_dependencies d LEFT JOIN postings n "
            "ON n.flow = d.flow AND n.kind = d.needs_kind AND n.key = d.needs_key "
            "WHERE d.flow = p.flow AND d.kind = p.kind AND d.key = p.key AND (n.status IS NULL OR n.status <> 'posted')"
            ") ORDER BY p.position LIMIT ?",
            [flow, kind, limit],
        )

    def open_batches(self, flow: str) -> list[str]:
        """Ids of batches sent and not answered, oldest first."""
        return self._texts("SELECT batch FROM batches WHERE flow = ? AND status = 'sent' ORDER BY position", [flow])

    def held_keys(self, flow: str, kind: str) -> list[str]:
        """Keys of held or rejected postings of a kind, oldest first."""
        return self._texts(
            "SELECT key FROM postings WHERE flow = ? AND kind = ? AND status IN ('held', 'rejected') "
            "ORDER BY position, key",
            [flow, kind],
        )

    def blocked_settlements(self, flow: str) -> list[str]:
        """Settlements planned on postings that are held, refused or withdrawn since, oldest first."""
        return self._texts(
            "SELECT p.settlement_id FROM postings p JOIN posting_dependencies d "
            "ON d.flow = p.flow AND d.kind = p.kind AND d.key = p.key JOIN postings n "
            "ON n.flow = d.flow AND n.kind = d.needs_kind AND n.key = d.needs_key "
            "WHERE p.flow = ? AND p.status = 'planned' AND n.status IN ('held', 'rejected', 'withdrawn') "
            "GROUP BY p.settlement_id ORDER BY MIN(p.position), p.settlement_id",
            [flow],
        )

    def open_gaps(self, flow: str) -> list[str]:
        """Missing mapping keys, oldest first."""
        return self._texts(
            "SELECT missing_key FROM gaps WHERE flow = ? AND status = 'open' ORDER BY position, missing_key", [flow]
        )

    # --- what people ask ----------------------------------------------------------------------------------------

    def query(self, name: str, flow: str, **filters: Any) -> list[dict[str, Any]]:
        """Rows of a named report: see `queries.py` for names, filters and columns. Raises BadInput."""
        with self._database.reading() as cursor:
            return queries.answer(cursor, name, flow, filters)

    def page(
        self, name: str, flow: str, filters: Mapping[str, Any], limit: int, after: Sequence[Any] | None = None
    ) -> queries.Page:
        """A page of a named report from behind the keys `after`. Raises BadInput."""
        with self._database.reading() as cursor:
            return queries.page(cursor, name, flow, filters, limit, after)

    def close(self) -> None:
        """Let go of the database: for views in memory, which end with it."""
        self._database.close()

    def position(self) -> int:
        """How far the log is folded."""
        return self._checkpoint(STANDING).position

    def events_by(self, flow: str, by: str) -> dict[str, int]:
        """How many events of each name somebody recorded."""
        with self._database.reading() as cursor:
            cursor.execute(
                "SELECT name, COUNT(*) FROM audit_trail WHERE flow = ? AND by_whom = ? GROUP BY name", [flow, by]
            )
            return {name: int(number) for name, number in cursor.fetchall()}

    def cycles_by_status(self, flow: str) -> dict[str, int]:
        """How many cycles run, have finished, have failed."""
        with self._database.reading() as cursor:
            cursor.execute("SELECT status, COUNT(*) FROM cycles WHERE flow = ? GROUP BY status", [flow])
            return {status: int(number) for status, number in cursor.fetchall()}

    def settlements_naming(self, flow: str, order_id: str) -> list[str]:
        """Settlements whose lines name an order, whether they pay it, refund it or charge a fee for it."""
        return self._texts(
            "SELECT settlement_id FROM named_orders WHERE flow = ? AND order_id = ? ORDER BY settlement_id",
            [flow, order_id],
        )

    def _texts(self, sql: str, params: Sequence[Any]) -> list[str]:
        with self._database.reading() as cursor:
            cursor.execute(sql, params)
            return [row[0] for row in cursor.fetchall()]


def views_as_of(store: Log, position: int) -> DatabaseViews:
    """The views as they were at a position of the log: the same fold up to there, in memory."""
    views = DatabaseViews(open_database("sqlite://"), store, upto=position)
    views.catch_up()
    return views


class _Checkpoint(msgspec.Struct, frozen=True):
    """How far a set of tables is folded; `build` is the set's own token."""

    name: str
    position: int
    build: str
    version: int


class _TakenOver(Exception):
    """The tables of this rebuild are another's now, or gone."""


class _Had(msgspec.Struct, frozen=True):
    """Postings with stored rows in `held`, `posting_dependencies` and the ledger, which a new set of rows replaces."""

    reasons: set[Key]
    dependencies: set[Key]
    entries: set[Key]


def _load(cursor: Cursor, suffix: str, fold: Fold, batch: Sequence[Recorded]) -> _Had:
    """Give the fold the standing rows that the batch touches, in few queries."""
    keys = needed(batch)
    for rows in (fold.gaps, fold.batches, fold.cycles, fold.postings):
        rows.stand(_select(cursor, rows.table, suffix, keys[rows.table.name]))
    postings = fold.postings.known
    owners = needed_by_postings(batch, keys[POSTINGS.name], postings)
    for owner in (fold.orders, fold.settlements):
        owner.stand(_select(cursor, owner.table, suffix, keys[owner.table.name] | owners[owner.table.name]))
    for rows in fold.finances.tables:
        rows.stand(_select(cursor, rows.table, suffix, keys[rows.table.name]))
    for few in (fold.watermarks, fold.flows):
        few.stand(_select(cursor, few.table, suffix, None))
    bank_keys = needed_bank(batch)
    for bank in fold.bank.tables:
        bank.stand(_select(cursor, bank.table, suffix, bank_keys[bank.table.name]))
    return _Had(
        reasons={key for key, row in postings.items() if row.reasons},
        dependencies={key for key, row in postings.items() if row.generation},
        entries={key for key, row in postings.items() if row.booked_entries},
    )


def _select(cursor: Cursor, table: Table, suffix: str, keys: Iterable[Key] | None) -> dict[Key, Any]:
    """Rows by primary key: those of `keys`, or all."""
    columns = f"SELECT {', '.join(table.columns)} FROM {table.name}{suffix}"
    found: list[Any] = []
    if keys is None:
        cursor.execute(columns)
        found += cursor.fetchall()
    else:
        alike: dict[Key, list[Any]] = {}
        for *first, last in keys:
            alike.setdefault(tuple(first), []).append(last)
        *same, varies = table.key_columns
        where = "".join(f"{column} = ? AND " for column in same)
        for first_words, last_words in alike.items():
            for begin in range(0, len(last_words), KEYS_PER_QUERY):
                chunk = last_words[begin : begin + KEYS_PER_QUERY]
                if cursor.dialect == "postgresql":
                    cursor.execute(f"{columns} WHERE {where}{varies} = ANY(?)", [*first_words, chunk])
                else:
                    marks = ", ".join("?" * len(chunk))
                    cursor.execute(f"{columns} WHERE {where}{varies} IN ({marks})", [*first_words, *chunk])
                found += cursor.fetchall()
    return {tuple(row[: table.key]): table.row(*row) for row in found}


def _write(cursor: Cursor, suffix: str, fold: Fold, had: _Had) -> None:
    for rows in fold.tables:
        _insert(cursor, rows.table, suffix, rows.added())
        _insert(cursor, rows.table, suffix, rows.replaced(), rows.table.on_conflict)
    for table, by_posting, stored in (
        (HELD, fold.held, had.reasons),
        (DEPENDENCIES, fold.dependencies, had.dependencies),
    ):
        replaced = [key for key in by_posting if key in stored]
        if replaced:
            cursor.executemany(f"DELETE FROM {table.name}{suffix} WHERE flow = ? AND kind = ? AND key = ?", replaced)
        _insert(cursor, table, suffix, [row for rows in by_posting.values() for row in rows])
    named = sorted(fold.named_orders)
    insert_many(
        cursor,
        f"{NAMED_ORDERS.name}{suffix}",
        NAMED_ORDERS.columns,
        named,
        "ON CONFLICT DO NOTHING",
        NAMED_ORDERS.types,
    )
    told = sorted(fold.finances.told_accounts)
    columns, types = TOLD_ACCOUNTS.columns, TOLD_ACCOUNTS.types
    insert_many(cursor, f"{TOLD_ACCOUNTS.name}{suffix}", columns, told, "ON CONFLICT DO NOTHING", types)
    ledger.write(cursor, suffix, fold.ledger, had.entries)
    insert_many(cursor, f"{AUDIT.name}{suffix}", AUDIT.columns, fold.audit, types=AUDIT.types)


def _insert(cursor: Cursor, table: Table, suffix: str, rows: Iterable[msgspec.Struct], on_conflict: str = "") -> None:
    tuples = [msgspec.structs.astuple(row) for row in rows]
    if tuples:
        insert_many(cursor, f"{table.name}{suffix}", table.columns, tuples, on_conflict, table.types)


def _token() -> str:
    return uuid4().hex[:12]
