# SPDX-License-Identifier: Apache-2.0
"""tinytl: learning that goes on after deployment, on devices with kilobytes.

The stages, in the order of the flow, each one documented call (the command line does nothing else):
`load_dataset` → `pretrain` → `cut` → `quantize` → `export` → `compile_bundle`; then, from `tinytl_bridge`, `connect(target)` and
its `Device.flash`, `Device.teach`, `Device.evaluate`; from `tinytl_bench`, `bench`; and `write_report`.

Nothing is imported before it is used: TensorFlow only by the stages that train and convert. Modules are nouns (`pretraining`), calls are
verbs (`pretrain`), so that importing a module never hides a call.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tinytl.version import __version__

if TYPE_CHECKING:
    from tinytl.bundle.bundle import Bundle, read_bundle, write_bundle
    from tinytl.compiler import Image, compile_bundle, compile_tflite
    from tinytl.cutting.keras_cut import cut, list_plans
    from tinytl.data import Dataset, contact_sheet, list_datasets, load_dataset
    from tinytl.errors import TinytlError
    from tinytl.exporting.export import export
    from tinytl.exporting.quantization import quantize
    from tinytl.head.layers import Head
    from tinytl.head.learning import Learning
    from tinytl.inspection import inspect
    from tinytl.measurement import Measurement
    from tinytl.report import write_report
    from tinytl.training.pretraining import pretrain
    from tinytl.training.run_folder import Run, load_run

_HOMES = {
    "load_dataset": "data", "list_datasets": "data", "contact_sheet": "data", "Dataset": "data",
    "pretrain": "training.pretraining", "load_run": "training.run_folder", "Run": "training.run_folder",
    "cut": "cutting.keras_cut", "list_plans": "cutting.keras_cut", "quantize": "exporting.quantization",
    "Head": "head.layers", "Learning": "head.learning", "export": "exporting.export", "inspect": "inspection",
    "Bundle": "bundle.bundle", "read_bundle": "bundle.bundle", "write_bundle": "bundle.bundle",
    "compile_bundle": "compiler", "compile_tflite": "compiler", "Image": "compiler",
    "Measurement": "measurement", "write_report": "report", "TinytlError": "errors",
}  # fmt: skip

__all__ = [
    "Bundle",
    "Dataset",
    "Head",
    "Image",
    "Learning",
    "Measurement",
    "Run",
    "TinytlError",
    "__version__",
    "compile_bundle",
    "compile_tflite",
    "contact_sheet",
    "cut",
    "export",
    "inspect",
    "list_datasets",
    "list_plans",
    "load_dataset",
    "load_run",
    "pretrain",
    "quantize",
    "read_bundle",
    "write_bundle",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinytl' has no attribute {name!r}")
    module = import_module(f"tinytl.{_HOMES[name]}")
    value = getattr(module, name)
    globals()[name] = value
    return value
