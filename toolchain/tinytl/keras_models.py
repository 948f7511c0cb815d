# SPDX-License-Identifier: Apache-2.0
"""Keras as the stages that train and convert take it: imported where it is needed, silent, the same each time.

In: a path, a seed, or nothing. Out: the package, a loaded model, or a `ModelError` that says what is missing. Nothing is imported before it
is asked for.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinytl import install_hint
from tinytl.errors import ModelError


@contextmanager
def quiet() -> Iterator[None]:
    """Keep TensorFlow's chatter, most of which its C++ side writes past Python, off stderr. Errors are raised all the same."""
    sys.stderr.flush()
    kept = os.dup(2)
    logging = sys.modules.get("absl.logging")
    verbosity = logging.get_verbosity() if logging else 0
    try:
        with warnings.catch_warnings(), Path(os.devnull).open("wb") as nowhere:
            warnings.simplefilter("ignore")
            os.dup2(nowhere.fileno(), 2)
            if logging:
                logging.set_verbosity(logging.ERROR)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        if logging:
            logging.set_verbosity(verbosity)


def require_keras() -> Any:
    """Import Keras with its TensorFlow backend. Raises ModelError where it is not installed or runs on another one."""
    try:
        with quiet():
            import keras
            import tensorflow  # noqa: F401
    except ImportError as error:
        raise ModelError(
            f"this stage trains or converts models and {error.name} is not installed", hint=install_hint.with_extra("host")
        ) from error
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"Keras runs on {keras.backend.backend()!r}",
            expected="'tensorflow'",
            hint="export KERAS_BACKEND=tensorflow",
        )
    return keras


def make_deterministic(seed: int) -> None:
    """Have what follows draw from a seed, and compute the same each time."""
    keras = require_keras()
    import tensorflow

    keras.utils.set_random_seed(seed)
    tensorflow.config.experimental.enable_op_determinism()


def load_model(path: Path) -> Any:
    """Load a `.keras` file. Raises ModelError where it is missing or not readable."""
    keras = require_keras()
    if not path.is_file():
        raise ModelError(f"no model at {path}", expected="a .keras file", hint="tinytl pretrain makes one")
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises what its layers raise
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path.name} cannot be loaded: {line}", expected="a model saved by Keras 3") from error


def ends_in_softmax(model: Any) -> bool:
    """Tell whether a model answers probabilities; else its outputs are logits."""
    last = model.layers[-1]
    return type(last).__name__ == "Softmax" or getattr(getattr(last, "activation", None), "__name__", "") == "softmax"


def versions() -> dict[str, str]:
    """Return the versions of TensorFlow and Keras, as a bundle's manifest tells them.

    Raises:
        ModelError: TensorFlow is not installed.
    """
    keras = require_keras()
    import tensorflow

    return {"tensorflow": tensorflow.__version__, "keras": keras.__version__}
