"""The tables of a job's journal and the statements over them; `journal.py` runs them."""
# ruff: noqa: S608 - statements are made of names that stand here; a value is never part of one

SCHEMA = 1
"""Another number is another layout, which this version does not read."""

APPLICATION = 0x4F6E6274
"""\"Onbt\" in the file's header, so that another program's database is never taken for a journal."""

TABLES = """
CREATE TABLE runs (id INTEGER PRIMARY KEY, state TEXT NOT NULL, started_at REAL NOT NULL, ended_at REAL NOT NULL,
    wall_s REAL NOT NULL, journal_s REAL NOT NULL, owner TEXT NOT NULL, request TEXT NOT NULL,
    fingerprint TEXT NOT NULL);
CREATE TABLE fingerprints (digest TEXT PRIMARY KEY, parts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (id INTEGER PRIMARY KEY, path NOT NULL UNIQUE, shown NOT NULL, number INTEGER NOT NULL,
    state TEXT NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, checked_ns INTEGER NOT NULL,
    digest BLOB NOT NULL, fingerprint TEXT NOT NULL, attempts INTEGER NOT NULL, error_kind TEXT, error TEXT,
    audio_s REAL NOT NULL, rendering TEXT NOT NULL, outputs NOT NULL, owned INTEGER NOT NULL,
    is_gone INTEGER NOT NULL);
CREATE TABLE results (file INTEGER PRIMARY KEY, crc INTEGER NOT NULL, line TEXT NOT NULL);
CREATE TABLE segments (file INTEGER NOT NULL, number INTEGER NOT NULL, start_s REAL NOT NULL, found TEXT NOT NULL,
    PRIMARY KEY (file, number)) WITHOUT ROWID;
"""
FILE_COLUMNS = """id, path, shown, number, state, size_bytes, mtime_ns, checked_ns, digest, fingerprint, attempts,
    error_kind, error, audio_s, rendering, outputs, owned, is_gone"""
RUN_COLUMNS = "id, state, started_at, ended_at, wall_s, journal_s, owner, request, fingerprint"


def marks(count: int) -> str:
    """So many places for values, with commas."""
    return ", ".join("?" * count)


def _rows(count: int, columns: int) -> str:
    return ", ".join([f"({marks(columns)})"] * count)


PUT_RUN = f"INSERT INTO runs ({RUN_COLUMNS}) VALUES ({marks(9)})"
PUT_NUMBER = "UPDATE files SET number = ?, is_gone = 0 WHERE id = ?"
PUT_GONE = "UPDATE files SET is_gone = 1 WHERE id = ?"
PUT_PROGRESS = "UPDATE runs SET wall_s = ?, journal_s = ?, state = ?, ended_at = ? WHERE id = ?"

RUNS = f"SELECT {RUN_COLUMNS} FROM runs ORDER BY id"
COUNTS = "SELECT state, count(*), sum(audio_s) FROM files WHERE NOT is_gone GROUP BY state"
DIGESTS = "SELECT digest, id FROM files WHERE state = 'ok' ORDER BY number, id"
IS_DONE = "SELECT 1 FROM files WHERE id = ? AND digest = ? AND fingerprint = ? AND state = 'ok'"
SEGMENTS = "SELECT file, number, start_s, found FROM segments WHERE file = ? ORDER BY number"


def put_files(rows: int) -> str:
    """So many inputs."""
    return f"INSERT OR REPLACE INTO files ({FILE_COLUMNS}) VALUES {_rows(rows, 18)}"


def put_lines(rows: int) -> str:
    """So many lines of results."""
    return f"INSERT OR REPLACE INTO results VALUES {_rows(rows, 3)}"


def put_segments(rows: int) -> str:
    """So many finished segments."""
    return f"INSERT OR REPLACE INTO segments VALUES {_rows(rows, 4)}"


def forget_segments(rows: int) -> str:
    """The segments of so many inputs."""
    return f"DELETE FROM segments WHERE file IN ({marks(rows)})"


def put_renderings(rows: int) -> str:
    """Of so many inputs their id, how their transcripts were written, and under which names."""
    return (
        f"WITH new (id, rendering, outputs) AS (VALUES {_rows(rows, 3)}) UPDATE files SET owned = 1, "
        "rendering = (SELECT rendering FROM new WHERE new.id = files.id), "
        "outputs = (SELECT outputs FROM new WHERE new.id = files.id) WHERE id IN (SELECT id FROM new)"
    )


def files_at(paths: int) -> str:
    """The inputs at so many paths."""
    return f"SELECT {FILE_COLUMNS} FROM files WHERE path IN ({marks(paths)})"


def files_in(states: int) -> str:
    """The inputs in one of so many states, in the order of their numbers."""
    return f"SELECT {FILE_COLUMNS} FROM files WHERE state IN ({marks(states)}) AND NOT is_gone ORDER BY number, id"


def lines_of(ids: int) -> str:
    """The lines of so many inputs."""
    return f"SELECT file, crc, line FROM results WHERE file IN ({marks(ids)})"
