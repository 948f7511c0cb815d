# SPDX-License-Identifier: Apache-2.0
"""The child process of `conversion`: reads a graph and samples from a folder, leaves a .tflite or a refusal there.

It may end in the middle: the converter of TensorFlow dies of some graphs. Then the folder holds no answer, and the parent says so.
"""

import resource
import sys
from pathlib import Path

import numpy as np

from tinytl.errors import ModelError
from tinytl.keras_models import require_keras
from tinytl.tflite.conversion import GRAPH_FILE, REFUSAL_FILE, SAMPLES_FILE, TFLITE_FILE, convert_here


def main(folder: Path, outputs: list[str]) -> None:
    """Convert what lies in a folder. outputs: names of the graph's output tensors, in order."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    require_keras()
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef.FromString((folder / GRAPH_FILE).read_bytes())
    function = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), []).prune("input:0", outputs)
    samples = np.load(folder / SAMPLES_FILE) if (folder / SAMPLES_FILE).is_file() else None
    try:
        tflite = convert_here(function, samples)
    except ModelError as error:
        (folder / REFUSAL_FILE).write_text(error.what.partition(": ")[2], encoding="utf-8")
    else:
        (folder / TFLITE_FILE).write_bytes(tflite)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
