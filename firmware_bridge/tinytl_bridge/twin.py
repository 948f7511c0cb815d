# SPDX-License-Identifier: Apache-2.0
"""The twin at its lowest level: one model of the C runtime in this process, through ctypes.

In: the bytes of an image. Out: features, logits, steps of the head, byte for byte what a device answers. The `host` target
runs the whole device session instead (`targets/host.py`); this is for tests and for fast evaluation. The caller of the C code owns all
memory: here NumPy buffers, aligned as the runtime asks.
"""

import ctypes
from dataclasses import dataclass
from functools import cache

import numpy as np

from tinytl.compiler import read_image
from tinytl.compiler.dtypes import DTYPE_NAMES
from tinytl.compiler.image.slot import CLASS_NAME_BYTES
from tinytl.compiler.records import HeadRecord
from tinytl.errors import CompileError, DeviceError
from tinytl_bridge.paths import twin_library
from tinytl_bridge.processor_needs import expect_processor
from tinytl_bridge.wire.class_names import pack_name, parse_names
from tinytl_bridge.wire.statuses import status_name, status_text

ALIGNMENT = 16
MAX_ARENA = 1 << 30
"""More than any board has: an image that asks for more is damaged."""
ALL_FAMILIES = 0xFFFFFFFF
_STATE_PARTS = 3


class StatusPair(ctypes.Structure):
    """`tinytl_error`: a status with the two numbers of its text."""

    _fields_ = (("status", ctypes.c_uint32), ("got", ctypes.c_uint32), ("expected", ctypes.c_uint32))


class _Part(ctypes.Structure):
    """`tinytl_head_part`: a run of a state's bytes, where they lie."""

    _fields_ = (("data", ctypes.c_void_p), ("bytes", ctypes.c_uint32))


class _Step(ctypes.Structure):
    _fields_ = (("status", ctypes.c_uint32), ("predicted", ctypes.c_uint32), ("loss", ctypes.c_float))


@dataclass(frozen=True)
class StepResult:
    """One training step: "ok" or the name of what went wrong, the class predicted and the loss (nats) before learning."""

    status: str
    predicted: int
    loss: float


@cache
def library() -> ctypes.CDLL:
    """Load the twin's shared library with its prototypes, once.

    Raises:
        BuildError: it is not installed, or was compiled for another kind of processor.
    """
    loaded = ctypes.CDLL(str(twin_library()))
    expect_processor(loaded)
    pointer, word = ctypes.c_void_p, ctypes.c_uint32
    prototypes = {
        "tinytl_status_text": (ctypes.c_char_p, word),
        "tinytl_crc32": (word, word, pointer, ctypes.c_size_t),
        "tinytl_image_check": (StatusPair, pointer, ctypes.c_size_t, word),
        "tinytl_model_open": (StatusPair, pointer, pointer, ctypes.c_size_t, pointer, ctypes.c_size_t),
        "tinytl_model_input": (pointer, pointer, word),
        "tinytl_model_output": (pointer, pointer, word),
        "tinytl_model_tensor": (pointer, pointer, word),
        "tinytl_model_invoke": (None, pointer),
        "tinytl_model_invoke_range": (None, pointer, word, word),
        "tinytl_head_check": (StatusPair, pointer),
        "tinytl_head_open": (StatusPair, pointer),
        "tinytl_head_infer": (word, pointer),
        "tinytl_head_logits": (pointer, pointer),
        "tinytl_head_drift": (ctypes.c_float, pointer),
        "tinytl_head_step": (_Step, pointer, word),
        "tinytl_head_grow": (StatusPair, pointer, pointer),
        "tinytl_head_class_name": (pointer, pointer, word),
        "tinytl_head_reset": (None, pointer),
        "tinytl_head_parameters": (pointer, pointer),
        "tinytl_head_crc32": (word, pointer),
        "tinytl_head_state_bytes": (word, pointer),
        "tinytl_head_state_part": (_Part, pointer, word, pointer),
        "tinytl_head_state_restore": (StatusPair, pointer, pointer, ctypes.c_size_t),
        "tinytl_twin_model_bytes": (ctypes.c_size_t,),
        "tinytl_twin_steps": (word, pointer),
        "tinytl_twin_replay_count": (word, pointer),
        "tinytl_twin_class_count": (word, pointer),
        "tinytl_twin_bundle_id": (pointer, pointer),
        "tinytl_twin_sample": (pointer, pointer, word),
        "tinytl_twin_put_features": (ctypes.c_int, pointer, pointer, word),
    }
    for name, (result, *arguments) in prototypes.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def aligned_bytes(count: int) -> np.ndarray:
    """Return `count` zero bytes at an address that the runtime accepts."""
    raw = np.zeros(count + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + count]


def check_image(data: bytes) -> None:
    """Let the runtime check an image.

    Raises:
        CompileError: what is wrong with it, in the runtime's words.
    """
    image = aligned_bytes(len(data))
    image[:] = np.frombuffer(data, np.uint8)
    _raise(library().tinytl_image_check(image.ctypes.data, len(data), ALL_FAMILIES))
    _raise(library().tinytl_head_check(image.ctypes.data))


def _raise(error: StatusPair) -> None:
    if error.status:
        raise CompileError(f"the runtime refuses the image: {status_text(error.status, error.got, error.expected)}")


class TwinModel:
    """One model of the C runtime.

    Args:
        image: the bytes of an image.
        arena_bytes: RAM to give it; by default what the image asks for.

    Raises:
        CompileError: the runtime refuses the image.
    """

    def __init__(self, image: bytes, *, arena_bytes: int | None = None) -> None:
        self._library = library()
        self._image = aligned_bytes(len(image))
        self._image[:] = np.frombuffer(image, np.uint8)
        self._model = aligned_bytes(self._library.tinytl_twin_model_bytes())
        self._pointer = self._model.ctypes.data
        demand = int(self._image[36:40].view("<u4")[0]) if arena_bytes is None and len(image) >= 40 else arena_bytes or 0
        size = max(0, min(demand, MAX_ARENA))
        self.arena = aligned_bytes(max(size, ALIGNMENT))
        _raise(self._library.tinytl_model_open(self._pointer, self._image.ctypes.data, len(image), self.arena.ctypes.data, size))
        opened = self._library.tinytl_head_open(self._pointer)
        if status_name(opened.status) != "no_head":
            _raise(opened)
        self.image = read_image(image)

    @property
    def address(self) -> int:
        """Where the `tinytl_model` lies, for functions of `library` that take one; valid while this object lives."""
        return int(self._pointer)

    def _view(self, address: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A part of the arena, in place: as a view of the array it keeps the arena alive."""
        start = address - self.arena.ctypes.data
        count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        return self.arena[start : start + count].view(dtype).reshape(shape)

    def tensor(self, index: int) -> np.ndarray:
        """Return a copy of tensor `index` of the image, as the arena or the image holds it now.

        Raises:
            DeviceError: the image has no such tensor.
        """
        if not 0 <= index < len(self.image.tensors):
            raise DeviceError(f"tensor {index}", expected=f"0 to {len(self.image.tensors) - 1}")
        address = self._library.tinytl_model_tensor(self._pointer, index)
        if not address:
            return self.image.constant(index).copy()
        return self._view(address, self.image.dims(index), self._dtype(index)).copy()

    def _dtype(self, index: int) -> np.dtype:
        return np.dtype(DTYPE_NAMES[self.image.tensors[index].dtype])

    def set_input(self, x: np.ndarray, index: int = 0) -> None:
        """Write graph input `index`: as many elements as it has, in its own dtype.

        Raises:
            DeviceError: the model has no such input, or it takes something else.
        """
        if not 0 <= index < len(self.image.inputs):
            raise DeviceError(f"graph input {index}", expected=f"0 to {len(self.image.inputs) - 1}")
        number = self.image.inputs[index]
        dtype, dims = self._dtype(number), self.image.dims(number)
        if x.dtype != dtype or x.size != int(np.prod(dims)):
            raise DeviceError(f"the sample is {x.dtype} {x.shape}", expected=f"{dtype} {dims}")
        self._view(self._library.tinytl_model_input(self._pointer, index), dims, dtype)[...] = x.reshape(dims)

    def invoke(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """Write the inputs, run the extractor, return copies of the graph's outputs."""
        for index, x in enumerate(inputs):
            self.set_input(x, index)
        self._library.tinytl_model_invoke(self._pointer)
        return [self.tensor(index) for index in self.image.outputs]

    def put_features(self, features: np.ndarray) -> None:
        """Write features (feature_count,) int8, all outputs side by side, in place of what `invoke` leaves.

        Raises:
            DeviceError: they are not int8, or not as many as the model has.
        """
        count = sum(int(np.prod(self.image.dims(index))) for index in self.image.outputs)
        given = np.ascontiguousarray(features)
        if given.dtype != np.int8 or self._library.tinytl_twin_put_features(self._pointer, given.ctypes.data, given.size) != 0:
            raise DeviceError(f"features are {features.dtype} {features.shape}", expected=f"int8 ({count},)")

    def invoke_range(self, first: int, last: int) -> None:
        """Run operators first … last − 1 on what the arena holds."""
        if not 0 <= first <= last <= len(self.image.operators):
            raise DeviceError(f"operators {first} to {last}", expected=f"0 to {len(self.image.operators)}")
        self._library.tinytl_model_invoke_range(self._pointer, first, last)

    def infer(self) -> tuple[int, np.ndarray]:
        """Return the class and the logits (class_count,) float32 of the features that the last `invoke` left."""
        self._need_head()
        best = self._library.tinytl_head_infer(self._pointer)
        shape = (self._library.tinytl_twin_class_count(self._pointer),)
        return int(best), self._view(self._library.tinytl_head_logits(self._pointer), shape, np.dtype(np.float32)).copy()

    def drift(self) -> float:
        """Return how far the features that the last `invoke` left lie from the source task's classes; negative: no statistics."""
        self._need_head()
        return float(self._library.tinytl_head_drift(self._pointer))

    def step(self, label: int) -> StepResult:
        """Train the head on the features that the last `invoke` left, then on replayed ones."""
        self._need_head()
        result = self._library.tinytl_head_step(self._pointer, label)
        return StepResult(status_name(result.status), int(result.predicted), float(result.loss))

    @property
    def parameters(self) -> np.ndarray:
        """The head's parameters (parameter_count,) float32, int8 weights four in one, in place: writing here changes the head."""
        self._need_head()
        return self._view(self._library.tinytl_head_parameters(self._pointer), (self._head.parameter_count,), np.dtype(np.float32))

    @property
    def class_count(self) -> int:
        """Classes in use."""
        self._need_head()
        return int(self._library.tinytl_twin_class_count(self._pointer))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that were added to those of the image."""
        return parse_names(self._names().tobytes())

    def _names(self) -> np.ndarray:
        own = self._head.class_count
        first = self._library.tinytl_head_class_name(self._pointer, own)
        return self._view(first, (self.class_count - own, CLASS_NAME_BYTES), np.dtype(np.uint8))

    def grow(self, name: str) -> None:
        """Begin a class with the features that the last `invoke` left as its first sample; `step` with its number then learns them.

        Raises:
            DeviceError: no room, or a name that is taken or too long; nothing has changed.
        """
        self._need_head()
        error = self._library.tinytl_head_grow(self._pointer, pack_name(name))
        if error.status:
            raise DeviceError(f"class {name!r} cannot be added: {status_text(error.status, error.got, error.expected)}")

    @property
    def steps(self) -> int:
        """Training steps since the factory head."""
        return int(self._library.tinytl_twin_steps(self._pointer))

    @property
    def replay_count(self) -> int:
        """Taught samples in the replay buffer."""
        return int(self._library.tinytl_twin_replay_count(self._pointer))

    def head_crc32(self) -> int:
        """Return the CRC-32 of the parameters."""
        self._need_head()
        return int(self._library.tinytl_head_crc32(self._pointer))

    def reset(self) -> None:
        """Go back to the factory head."""
        self._need_head()
        self._library.tinytl_head_reset(self._pointer)

    def state(self) -> bytes:
        """Return the head's state as the store keeps it (SPEC.md section 4, kind 2)."""
        self._need_head()
        header = np.zeros(4, np.uint32)
        parts = [self._library.tinytl_head_state_part(self._pointer, number, header.ctypes.data) for number in range(_STATE_PARTS)]
        return b"".join(ctypes.string_at(part.data, part.bytes) for part in parts)

    def restore(self, state: bytes) -> None:
        """Take back a state; nothing changes if it is refused.

        Raises:
            DeviceError: it belongs to another head or is damaged.
        """
        buffer = np.frombuffer(state, np.uint8).copy()
        error = self._library.tinytl_head_state_restore(self._pointer, buffer.ctypes.data, len(state))
        if error.status:
            raise DeviceError(f"the head's state is refused: {status_text(error.status, error.got, error.expected)}")

    @property
    def _head(self) -> HeadRecord:
        if self.image.head is None:
            raise DeviceError("the image has no trainable head", hint="compile a bundle instead of a plain .tflite")
        return self.image.head

    def _need_head(self) -> None:
        _ = self._head
