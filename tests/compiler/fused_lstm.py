# SPDX-License-Identifier: Apache-2.0
"""Keras 3's LSTM layer in the form that the converter knows as one operator.

The converter makes UNIDIRECTIONAL_SEQUENCE_LSTM of a function that says it implements an LSTM, as the layer of Keras 2 (`tf_keras`) does;
it drops the function's body. Keras 3's own layer becomes a WHILE, which no converter quantizes. Imports TensorFlow when called.
"""

from typing import Any


def fused_lstm(units: int, **options: Any) -> Any:
    """Return the layer. Its batch has to be fixed. options: those of keras.layers.LSTM, and time_major."""
    import keras
    import tensorflow as tf

    class FusedLstm(keras.layers.LSTM):
        def __init__(self, units: int, *, time_major: bool = False, **options: Any) -> None:
            super().__init__(units, **options)
            self.time_major = time_major

        def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
            said = {"api_implements": f"lstm_{self.name}", "api_preferred_device": "CPU"}
            said |= {"time_major": self.time_major, "go_backwards": self.go_backwards}
            axis = 0 if self.time_major else 1

            def body(x: Any, hidden: Any, cell: Any, kernel: Any, recurrent_kernel: Any, bias: Any) -> Any:
                outputs = []
                for step in tf.unstack(x, axis=axis)[:: -1 if self.go_backwards else 1]:
                    gates = tf.matmul(step, kernel) + tf.matmul(hidden, recurrent_kernel) + bias
                    inwards, forget, candidate, outwards = tf.split(gates, 4, axis=1)
                    cell = tf.sigmoid(forget) * cell + tf.sigmoid(inwards) * tf.tanh(candidate)
                    hidden = tf.sigmoid(outwards) * tf.tanh(cell)
                    outputs.append(hidden)
                return hidden, tf.stack(outputs, axis=axis), hidden, cell, tf.constant(0.0)

            function = tf.function(body, autograph=False, experimental_attributes=said)
            zero = tf.zeros((sequences.shape[1 - axis], self.units))
            weights = (self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias)
            last, outputs, *_ = function(sequences, zero, zero, *(tf.convert_to_tensor(each) for each in weights))
            return outputs if self.return_sequences else last

    return FusedLstm(units, **options)
