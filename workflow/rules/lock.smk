# The lock on the folder: that of a killed Snakemake is let go of, a living one is named.

from contextlib import contextmanager

from snakemake.exceptions import LockException
from snakemake.persistence.file import FilePersistence

from flowdepth.study import locks

write_locks = FilePersistence._write_locks


def sign_locks(persistence, kind, names):
    """Have the first line of a lock tell whose it is."""
    locked = list(names)
    write_locks(persistence, kind, locked and [locks.Holder.this().line, *locked])


def that_tells(lock):
    """Have Snakemake's way to lock a folder go on after a killed process, and name a living one."""

    @contextmanager
    def locked(persistence):
        folder = Path(persistence._lockdir)
        for holder in locks.release(folder):
            print(f"{holder} was killed at this study; going on", file=sys.stderr)
        try:
            with lock(persistence):
                yield
        except LockException as error:
            error.args = (locks.refusal(folder),)
            raise

    return locked


FilePersistence._write_locks = sign_locks
FilePersistence.lock = that_tells(FilePersistence.lock)
FilePersistence.lock_warn_only = that_tells(FilePersistence.lock_warn_only)
