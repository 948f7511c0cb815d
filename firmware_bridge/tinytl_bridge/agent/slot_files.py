# SPDX-License-Identifier: Apache-2.0
"""The store of an agent: plain memory for the session, one file a slot that survives a power cut.

In: the session's erases and writes. Out: `model-a`, `model-b`, `head-a`, `head-b`, each the bytes of a slot without the FF at its end.

A slot counts once its commit word is written, which the store does last (SPEC.md section 4). So its file is written then, whole and
once, inside that very write, before the session can answer; what precedes a commit stays in memory. After a cut the files hold what flash
would hold after a cut at the commit or before the erase. Between slots the order is kept too: a slot that was erased and not committed,
as a transfer that was given up leaves it, is removed before another one is committed. Else a head that the session believes gone,
and whose owner a later model is given again, would come back with the next start.
"""

import mmap
from pathlib import Path

from filelock import FileLock, Timeout

from tinytl.compiler.image.slot import commit_place
from tinytl.errors import DeviceError
from tinytl_bridge.agent.durable_folder import NEW, DurableFolder
from tinytl_bridge.targets.host import HEAD_SLOT_BYTES, MODEL_SLOT_BYTES
from tinytl_bridge.targets.state_folder import refuse_link, unusable

SLOT_NAMES = ("model-a", "model-b", "head-a", "head-b")
"""In the order of their places in memory."""
LOCK_NAME = "slots.lock"


class SlotFiles:
    """A `Memory` that is loaded from files and written back slot by slot, one process at a time.

    Args:
        folder: its files' folder, which is there: see `state_folder`. model_slot_bytes, head_slot_bytes, program_bytes: as the
            `HostTarget` that uses it.

    Attributes:
        failure: why the last commit was refused; None after one that was kept.
    """

    def __init__(
        self, folder: Path | DurableFolder, *, model_slot_bytes: int = MODEL_SLOT_BYTES, head_slot_bytes: int = HEAD_SLOT_BYTES,
        program_bytes: int = 1,
    ) -> None:  # fmt: skip
        self._folder = folder if isinstance(folder, DurableFolder) else DurableFolder(folder)
        sizes = (model_slot_bytes, model_slot_bytes, head_slot_bytes, head_slot_bytes)
        self._places = [range(sum(sizes[:number]), sum(sizes[: number + 1])) for number in range(len(sizes))]
        self._commit_place = commit_place(program_bytes)
        self._lock = FileLock(self._folder.path / LOCK_NAME, timeout=0, mode=0o600, thread_local=False)
        self._view: mmap.mmap | None = None
        self._ends = [0] * len(sizes)  # of each slot, how many bytes from its start are not FF
        self._uncommitted: set[int] = set()  # slots erased since their files were written
        self.failure: OSError | None = None

    def open(self) -> mmap.mmap:
        """Lock the folder and load its slots.

        Raises:
            DeviceError: another process uses it, the disk does not allow it, or something else lies in a slot's place.
        """
        path = self._folder.path
        for name in (LOCK_NAME, *SLOT_NAMES):
            refuse_link(path / name, "the agent's store,")
        try:
            self._lock.acquire()
            self._folder.open()
            self._folder.remove(*(name + NEW for name in SLOT_NAMES))
            self._view = mmap.mmap(-1, self._places[-1].stop, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            for number in range(len(SLOT_NAMES)):
                self._load(number)
        except Timeout:
            raise DeviceError(
                f"the agent's store in {path} is in use by another process", hint="stop that agent, or give another --state folder"
            ) from None
        except OSError as error:
            self.close()
            raise unusable(f"the agent's store cannot be kept in {path}", error) from error
        except BaseException:
            self.close()
            raise
        return self._view

    def erased(self, offset: int, count: int) -> None:
        """Note that a slot holds nothing from now on; its file stays until something is committed."""
        number = self._slot_at(offset)
        self._uncommitted.add(number)
        self._ends[number] = 0

    def written(self, offset: int, count: int) -> None:
        """Note that a slot has grown and, if this was its commit word, keep it.

        Raises:
            OSError: the disk did not take it. The slot then holds again what its file does.
        """
        number = self._slot_at(offset)
        place = offset - self._places[number].start
        self._ends[number] = max(self._ends[number], place + count)
        if place == self._commit_place:
            self._commit(number)

    def close(self) -> None:
        """Unlock; what was committed is in the files already."""
        self._view = None
        self._folder.close()
        self._lock.release()

    def _slot_at(self, offset: int) -> int:
        return next(number for number, places in enumerate(self._places) if offset in places)

    def _commit(self, number: int) -> None:
        assert self._view is not None
        start = self._places[number].start
        others = sorted(self._uncommitted - {number})
        try:
            if others:
                self._folder.remove(*(SLOT_NAMES[other] for other in others))
                self._uncommitted -= set(others)
            self._folder.replace(SLOT_NAMES[number], self._view[start : start + self._ends[number]].rstrip(b"\xff"))
        except BaseException as error:
            self.failure = error if isinstance(error, OSError) else None
            self._load(number)
            raise
        self._uncommitted.discard(number)
        self.failure = None

    def _load(self, number: int) -> None:
        """Fill a slot with what its file holds; if that cannot be read, with FF."""
        assert self._view is not None
        places = self._places[number]
        self._view[places.start : places.stop] = b"\xff" * len(places)
        self.erased(places.start, len(places))
        kept = self._folder.read(SLOT_NAMES[number], len(places))
        self._view[places.start : places.start + len(kept)] = kept
        self._ends[number] = len(kept)
        self._uncommitted.discard(number)
