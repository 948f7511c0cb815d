# SPDX-License-Identifier: Apache-2.0
"""Short layer names from TFLite's long tensor names.

The converter joins the names of everything that it fused
(«model/act/Relu;model/bn/…;model/conv/BiasAdd;model/conv/Conv2D»); a table, and the metadata on a device, want «conv».
"""

import re

MAX_CHARACTERS = 40

_SCOPE = re.compile(r"(StatefulPartitionedCall|PartitionedCall|functional|sequential|model|serving_default)(_\d+)?")


def layer_name(tensor_name: str) -> str:
    """Return the layer's part of a tensor name, "" where the name tells none.

    >>> layer_name("functional_1/activation_1/Relu;functional_1/conv_1/BiasAdd;functional_1/conv_1/Conv2D")
    'conv_1'
    """
    fused = [name.split(":")[0] for name in tensor_name.split(";") if name]
    with_weights = [name for name in fused if name.endswith("/BiasAdd")]
    parts = [part for part in (with_weights or fused or [""])[0].split("/") if part and not _SCOPE.fullmatch(part)]
    # The last part is the layer's own step («Relu», «AvgPool»), where there is more than one.
    return (parts[-2:] or [""])[0][:MAX_CHARACTERS]
