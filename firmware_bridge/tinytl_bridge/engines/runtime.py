# SPDX-License-Identifier: Apache-2.0
"""The engine `runtime`: a bundle's extractor run by the C runtime in this process, the bytes that a microcontroller answers.

In: samples (input_bytes,) int8. Out: features (feature_count,) int8. It stands beside `LitertExtractor`, so that both are measured alike;
a session needs it not, its own kernels are these.
"""

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.compiler import Image, compile_bundle
from tinytl.errors import DeviceError
from tinytl.version import __version__
from tinytl_bridge.twin import TwinModel


class RuntimeExtractor:
    """An extractor in the C runtime.

    Args:
        image: of a bundle. bundle_id: 16 bytes, the bundle's.

    Attributes:
        name: "runtime". num_threads: 1. kernels: whose they are. version: tinytl's. model: the model that runs.
        input_bytes, feature_count: sizes of a sample and of its features.
    """

    name = "runtime"
    num_threads = 1
    kernels = "portable C"

    def __init__(self, image: Image, *, bundle_id: bytes = b"") -> None:
        self.bundle_id = bundle_id
        self.version = f"tinytl {__version__}"
        self.model = TwinModel(image.data)
        contents = self.model.image
        self.input_bytes, self.feature_count = (
            sum(int(np.prod(contents.dims(number))) for number in numbers) for numbers in (contents.inputs, contents.outputs)
        )

    def extract(self, sample: np.ndarray) -> np.ndarray:
        """Return the features (feature_count,) int8 of a sample (input_bytes,) int8.

        Raises:
            DeviceError: a sample of another dtype or size.
        """
        if sample.dtype != np.int8 or sample.size != self.input_bytes:
            raise DeviceError(f"the sample is {sample.dtype} {sample.shape}", expected=f"int8 ({self.input_bytes},)")
        return np.concatenate([output.reshape(-1) for output in self.model.invoke(sample)])


def runtime_extractor(bundle: Bundle) -> RuntimeExtractor:
    """Return a bundle's extractor in the C runtime, with the kernels that the target `host` has.

    Raises:
        CompileError: as `compile_bundle`.
    """
    return RuntimeExtractor(compile_bundle(bundle), bundle_id=bundle.bundle_id)
