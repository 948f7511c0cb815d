# SPDX-License-Identifier: Apache-2.0
"""Any model by its name: a file, a run, a shipped bundle, one of the zoo, or one of keras.applications, built without its weights.

In: what a person typed. Out: counts of its layers. Nothing is downloaded: energy needs shapes alone.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tinytl_models
from tinytl.bundle.shipped import list_bundles
from tinytl.errors import ModelError
from tinytl.head.learning import Learning
from tinytl.keras_models import load_model, require_keras
from tinytl.model_file import compile_model, read_model
from tinytl.model_kind import BUNDLE, KERAS, RUN, TFLITE, kind_of
from tinytl_bench.energy.counts import compiled_layers
from tinytl_bench.energy.keras_counts import keras_layers
from tinytl_bench.energy.layers import LayerWork

DEFAULT_PLAN = "last-dense"


@dataclass(frozen=True)
class Counted:
    """A model's counts.

    Attributes:
        name: of the model. kind: "bundle", "tflite", "run", "keras", "zoo" or "keras.applications".
        plan: by which it is cut; "" where nothing trains. layers: in order. replays: replayed samples after each taught one.
        notes: what else a reader of the figures should know.
    """

    name: str
    kind: str
    plan: str
    layers: tuple[LayerWork, ...]
    replays: int
    notes: tuple[str, ...] = ()


def count(
    model: str | Path, *, plan: str | None = None, classes: int | None = None, input_shape: tuple[int, int, int] | None = None
) -> Counted:  # fmt: skip
    """Count a model's work.

    Args:
        model: a path, or a name. plan: freeze plan of a Keras model, `last-dense` where none is given; a bundle is cut already.
        classes, input_shape: of a named architecture (H, W, C); None: 10 classes of the zoo's, 1,000 of keras.applications, and its own
            default size.

    Raises:
        ModelError: no such model or plan; a plan for a model that is cut already; a shape for a model that has one.
    """
    path = Path(model)
    if path.exists() or str(model) in list_bundles():
        if classes is not None or input_shape is not None:
            raise ModelError(f"{model} has its own shape and classes", expected="--classes and --input with the name of an architecture")
        return _of_file(path, str(model), plan)
    built, kind = _built(str(model), classes, input_shape)
    return _of_keras(built, str(model), kind, plan)


def _of_file(path: Path, name: str, plan: str | None) -> Counted:
    kind = kind_of(path, taken=(BUNDLE, TFLITE, RUN, KERAS)) if path.exists() else BUNDLE
    if kind in (RUN, KERAS):
        from tinytl.training.run_folder import load_run

        return _of_keras(load_model(path if kind == KERAS else load_run(path).model_path), name, kind, plan)
    if plan is not None:
        raise ModelError(f"plan {plan!r} for {name}, which is {'cut already' if kind == BUNDLE else 'no Keras model'}",
                         expected="a plan with a Keras model or a run")  # fmt: skip
    file = read_model(path if path.exists() else tinytl_models.BUNDLES / f"{name}.tinytl")
    bundle = file.bundle
    layers = compiled_layers(bundle, compile_model(file))
    if bundle is None:
        return Counted(file.name, kind, "", layers, 0, ("a .tflite trains nothing: tinytl export gives it a head",))
    return Counted(file.name, kind, bundle.manifest["plan"], layers, bundle.head.learning.replays_per_step)


def _of_keras(model: Any, name: str, kind: str, plan: str | None) -> Counted:
    plan = plan or DEFAULT_PLAN
    layers, learnable = keras_layers(model, plan)
    notes = ["frozen layers counted as the converter makes them: int8, batch-norm and ReLU folded"]
    if not learnable:
        notes.append("no device learns through all layers of this plan yet: counted from their shapes by the same rules")
    return Counted(name, kind, plan, layers, Learning().replays_per_step, tuple(notes))


def _built(name: str, classes: int | None, input_shape: tuple[int, int, int] | None) -> tuple[Any, str]:
    if name in tinytl_models.list_models():
        shape = input_shape or tinytl_models.card(name).default_shape
        try:
            return tinytl_models.build(name, input_shape=shape, classes=classes or 10), "zoo"
        except ValueError as error:
            raise ModelError(str(error)) from error
    keras = require_keras()
    known = {_plain(each): each for each in dir(keras.applications) if each[0].isupper()}
    if _plain(name) not in known:
        names = (*list_bundles(), *tinytl_models.list_models(), *known.values())
        near = get_close_matches(name, names, 1)
        raise ModelError(
            f"no model {name!r}",
            expected=f"a file, a run, a shipped bundle ({', '.join(list_bundles())}), one of the zoo "
            f"({', '.join(tinytl_models.list_models())}) or one of keras.applications",
            hint=f"did you mean {near[0]}?" if near else "tinytl models lists the zoo",
        )
    make = getattr(keras.applications, known[_plain(name)])
    try:
        return make(weights=None, classes=classes or 1000, input_shape=input_shape), "keras.applications"
    except ValueError as error:
        raise ModelError(f"{known[_plain(name)]} cannot be built: {str(error).strip().splitlines()[0]}") from error


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
