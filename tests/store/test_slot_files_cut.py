# SPDX-License-Identifier: Apache-2.0
"""The power of an agent's machine goes: its files hold a state that flash could have been left in, and all that was answered as saved.

A real run is recorded, then cut behind each of its operations on the disk; each cut is played with many choices of what the disk had not
taken yet (`lossy_disk`). What the next start finds is compared with the memory as it was at each erase and write: `LIVES` of the store.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from head_image import Replay, head_image, random_features, random_head, with_crc
from lossy_disk import HastyFolder, LossyDisk, RecordedFolder, put_files

from tinytl.compiler.records import HEADER_BYTES
from tinytl.head.layers import Learning
from tinytl_bridge.agent.durable_folder import NEW
from tinytl_bridge.agent.slot_files import LOCK_NAME, SLOT_NAMES, SlotFiles
from tinytl_bridge.connection import Connection
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.protocol import Readable

SHORT = bool(os.environ.get("TINYTL_SHORT"))
SIZES = {"model_slot_bytes": 8192, "head_slot_bytes": 4096}
LOSSES = [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (1.0, 0.5), (0.5, 0.5), (0.5, 1.0)]
"""How likely names and sectors that were not synced are there all the same."""
WIDTHS = {1: (12, 6, 8), 2: (9, 5, 7)}


def image_of(number: int) -> bytes:
    """An image of a bundle of its own."""
    features, labels = random_features(WIDTHS[number][0], 20, 4, number)
    head = random_head(WIDTHS[number], learning=Learning(learning_rate=0.05, replays_per_step=2), seed=number)
    image = head_image(head, class_count=4, replay=Replay(features, labels, 8))
    return with_crc(image[:16] + bytes([number]) * 16 + image[32:])


IMAGES = {number: image_of(number) for number in (1, 2)}


@dataclass
class Story:
    """What a run did: operations on the disk, memories with the count of operations before them, and what was answered by when."""

    log: list = field(default_factory=list)
    memories: list[tuple[int, bytes]] = field(default_factory=list)
    answers: list[tuple[int, int, bytes]] = field(default_factory=list)  # operations, memories, memory

    def allowed(self, cut_at: int) -> set[bytes]:
        """States of flash from the last answer on that a cut behind `cut_at` operations may leave."""
        first = max(number for operations, number, _ in self.answers if operations <= cut_at)
        return {memory for operations, memory in self.memories[first:] if operations <= cut_at}

    def before_or_after(self, cut_at: int) -> set[bytes]:
        """The answered states on both sides of a cut."""
        before = [memory for operations, _, memory in self.answers if operations <= cut_at]
        after = [memory for operations, _, memory in self.answers if operations > cut_at]
        return {before[-1], *after[:1]}


def slots_of(memory: bytes) -> list[bytes]:
    sizes = [SIZES["model_slot_bytes"]] * 2 + [SIZES["head_slot_bytes"]] * 2
    return [memory[sum(sizes[:number]) : sum(sizes[: number + 1])] for number in range(4)]


def what_counts(memory: bytes) -> bytes:
    """A memory without what is in slots that have no commit word."""
    return b"".join(slot if slot[28:32] == bytes.fromhex("dec00d60") else b"\xff" * len(slot) for slot in slots_of(memory))


class WatchedSlots(SlotFiles):
    """Slots that tell a story of each change, before the disk hears of it."""

    def __init__(self, folder: RecordedFolder, story: Story) -> None:
        super().__init__(folder, **SIZES)
        self._story, self._recorded = story, folder

    def remember(self) -> None:
        self._story.memories.append((len(self._recorded.log), what_counts(bytes(self._view))))

    def erased(self, offset: int, count: int) -> None:
        self.remember()
        super().erased(offset, count)

    def written(self, offset: int, count: int) -> None:
        self.remember()
        super().written(offset, count)


class Teller:
    """A session on recorded slots. folder_kind, slots_kind: right ones, or wrong ones that must be found."""

    def __init__(self, folder: Path, folder_kind: type = RecordedFolder, slots_kind: type = WatchedSlots) -> None:
        folder.mkdir(exist_ok=True)
        self.story, self.rng = Story(), np.random.default_rng(5)
        self.folder = folder_kind(folder)
        self.slots = slots_kind(self.folder, self.story)
        self.connection = Connection(HostTarget(memory=self.slots, mailbox=False, arena_bytes=65536, **SIZES))
        self.story.log = self.folder.log
        self.inputs = 0
        self.answered()

    def answered(self) -> None:
        self.slots.remember()
        self.story.answers.append((len(self.folder.log), len(self.story.memories) - 1, self.story.memories[-1][1]))

    def flash(self, number: int, *, spoiled: bool = False) -> None:
        image, session = bytearray(IMAGES[number]), self.connection.session
        if spoiled:
            image[-1] ^= 1
        self.inputs = WIDTHS[number][0]
        session.flash_begin(bytes(image[:HEADER_BYTES]))
        for at in range(0, len(image), 500):
            session.flash_data(at, bytes(image[at : at + 500]))
        session.flash_commit()
        self.answered()

    def teach(self, count: int = 5) -> None:
        for _ in range(count):
            self.connection.teach_prepared(self.rng.integers(-128, 128, self.inputs).astype(np.int8), int(self.rng.integers(4)))

    def save(self) -> None:
        self.teach()
        self.connection.save()
        self.answered()


def plain_life(teller: Teller) -> None:
    """Flash, teach, save, teach, save, go back, save, flash another bundle, save."""
    teller.flash(1)
    teller.save()
    teller.save()
    teller.connection.rollback("previous")
    teller.save()
    teller.flash(2)
    teller.save()


def life_with_given_up_transfers(teller: Teller) -> None:
    """A transfer that is refused at its end leaves a slot erased; then a head is saved, then the transfer succeeds."""
    teller.flash(1)
    teller.save()
    teller.flash(2)
    teller.save()
    with pytest.raises(Refusal):
        teller.flash(1, spoiled=True)
    teller.inputs = WIDTHS[2][0]
    teller.save()
    teller.save()
    with pytest.raises(Refusal):
        teller.flash(1, spoiled=True)
    teller.flash(1)
    teller.save()


LIVES = {"plain": plain_life, "given up": life_with_given_up_transfers}


def told(folder: Path, life: Callable[[Teller], None], *kinds: type) -> Story:
    teller = Teller(folder, *kinds)
    life(teller)
    teller.connection.close()
    return teller.story


def found_after(folder: Path, files: dict[str, bytes]) -> bytes:
    """What the next start finds."""
    put_files(folder, files)
    slots = SlotFiles(HastyFolder(folder), **SIZES)
    memory = bytes(slots.open())
    slots.close()
    assert not [path for path in folder.iterdir() if path.name not in {*SLOT_NAMES, LOCK_NAME}], "something was left behind"
    return memory


def cut_everywhere(story: Story, folder: Path, *, rounds: int, strict: bool, seed: int = 1) -> dict[bytes, int]:
    """Cut behind each operation; return the memories that were found and how often."""
    rng, counts, found = random.Random(seed), {}, {}
    for cut_at in range(story.answers[0][0], len(story.log) + 1):
        allowed, disk = story.allowed(cut_at), LossyDisk(story.log[:cut_at])
        if strict:
            allowed &= story.before_or_after(cut_at)
        for names, sectors in LOSSES[:4] + LOSSES[4:] * rounds:
            files = disk.after_a_cut(rng, names=names, sectors=sectors)
            if (key := frozenset(files.items())) not in found:
                found[key] = found_after(folder, files)
            memory = found[key]
            last = story.log[cut_at - 1]
            assert memory in allowed, f"neither old nor new after {cut_at} operations, the last {last[0]} {last[1:2]}, {names}, {sectors}"
            counts[memory] = counts.get(memory, 0) + 1
    return counts


def meaning(folder: Path, memory: bytes) -> tuple:
    """What a session tells of a memory, and the head that it has."""
    put_files(folder, {name: slot.rstrip(b"\xff") for name, slot in zip(SLOT_NAMES, slots_of(memory), strict=True)})
    target = HostTarget(memory=SlotFiles(HastyFolder(folder), **SIZES), mailbox=False, arena_bytes=65536, **SIZES)
    with Connection(target) as connection:
        status = connection.status()
        head = connection.read(Readable.HEAD, count=4 * 90) if status.model_status == "ok" else b""
        return status.model_status, status.head_status, status.store_sequence, head


@pytest.mark.parametrize("life", LIVES)
def test_old_or_new_after_a_cut(tmp_path: Path, life: str) -> None:
    story = told(tmp_path / "real", LIVES[life])
    counts = cut_everywhere(story, tmp_path / "after", rounds=3, strict=life == "plain")
    answered = [memory for _, _, memory in story.answers]
    assert set(answered) <= set(counts), "each answered state was found after some cut"
    saved = [meaning(tmp_path / "after", memory) for memory in answered if any(slot[:4] == b"TLST" for slot in slots_of(memory)[2:])]
    assert len(saved) >= 5
    for model, head, _, _ in [meaning(tmp_path / "after", memory) for memory in counts]:
        assert model in ("ok", "no_model")
        assert head in ("saved", "factory")
    assert all(model == "ok" for model, *_ in saved)
    assert len({head for *_, head in saved}) >= 4, "heads differ"


@pytest.mark.long
@pytest.mark.parametrize("life", LIVES)
def test_old_or_new_after_thousands_of_cuts(tmp_path: Path, life: str) -> None:
    story = told(tmp_path / "real", LIVES[life])
    counts = cut_everywhere(story, tmp_path / "after", rounds=20 if SHORT else 500, strict=life == "plain", seed=2)
    assert sum(counts.values()) > (1_000 if SHORT else 30_000)


class NoSyncOfBytes(RecordedFolder):
    def _sync(self, descriptor: int) -> None:
        if descriptor == self._folder:
            super()._sync(descriptor)


class NoSyncOfNames(RecordedFolder):
    def _sync(self, descriptor: int) -> None:
        if descriptor != self._folder:
            super()._sync(descriptor)


class NoSyncAfterRemoval(RecordedFolder):
    def remove(self, *names: str) -> None:
        for name in names:
            if (self.path / name).exists():
                self._unlink(name)


class NameBeforeBytes(RecordedFolder):
    def replace(self, name: str, data: bytes) -> None:
        descriptor = self._create(name + NEW)
        self._write(descriptor, data)
        self._rename(name + NEW, name)
        self._sync(descriptor)
        os.close(descriptor)
        self._sync(self._folder)


class NoNewFile(RecordedFolder):
    def replace(self, name: str, data: bytes) -> None:
        descriptor = self._create(name)
        self._write(descriptor, data)
        self._sync(descriptor)
        os.close(descriptor)
        self._sync(self._folder)


class NothingRemoved(WatchedSlots):
    def erased(self, offset: int, count: int) -> None:
        super().erased(offset, count)
        self._uncommitted.clear()


class AnswerBeforeFile(WatchedSlots):
    """Writes what was committed when the next slot is erased."""

    late: int | None = None

    def _commit(self, number: int) -> None:
        self.late = number

    def erased(self, offset: int, count: int) -> None:
        late, self.late = self.late, None
        if late is not None:
            super()._commit(late)
        super().erased(offset, count)


WRONG = {kind.__name__: (kind, WatchedSlots) for kind in (NoSyncOfBytes, NoSyncOfNames, NoSyncAfterRemoval, NameBeforeBytes, NoNewFile)}
WRONG |= {kind.__name__: (RecordedFolder, kind) for kind in (NothingRemoved, AnswerBeforeFile)}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_order_is_found(tmp_path: Path, name: str) -> None:
    life = "given up" if name in ("NothingRemoved", "NoSyncAfterRemoval") else "plain"
    story = told(tmp_path / "real", LIVES[life], *WRONG[name])
    with pytest.raises(AssertionError, match="neither old nor new"):
        cut_everywhere(story, tmp_path / "after", rounds=8, strict=life == "plain")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3 if SHORT else 40))
def test_a_life_goes_on_after_each_of_many_cuts(tmp_path: Path, seed: int) -> None:
    """Cut, start on what is left, save and flash, cut again, ten times over: what was answered before is there, and saving works."""
    rng, folder = random.Random(seed), tmp_path / "life"
    told(folder, plain_life)
    for _ in range(10):
        kept = {path.name: path.read_bytes() for path in folder.iterdir() if path.name in SLOT_NAMES}
        teller = Teller(folder)
        teller.inputs = WIDTHS[teller.connection.read(Readable.HEADER, count=17)[16]][0]
        for _ in range(rng.randint(1, 3)):
            teller.save() if rng.random() < 0.7 else teller.flash(rng.choice((1, 2)))
        teller.connection.close()
        story = teller.story
        cut_at = rng.randint(story.answers[0][0], len(story.log))
        disk = LossyDisk(story.log[:cut_at], kept)
        names, sectors = rng.choice(LOSSES)
        memory = found_after(folder, disk.after_a_cut(rng, names=names, sectors=sectors))
        assert memory in story.allowed(cut_at) & story.before_or_after(cut_at)
