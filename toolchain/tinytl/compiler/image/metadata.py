# SPDX-License-Identifier: Apache-2.0
"""What an image says of itself: enough to prepare samples and name classes without the bundle.

UTF-8 JSON with sorted keys and no spaces; it lies in the device's flash, so it is kept short.
"""

import json
from typing import Any

from tinytl.bundle.bundle import Bundle
from tinytl.compiler.head.section import HeadPlan
from tinytl.compiler.program import Program, ProgramTensor
from tinytl.head.layers import Head


def bundle_metadata(bundle: Bundle, program: Program, head: HeadPlan) -> dict[str, Any]:
    """Return the metadata of a bundle's image.

    Args:
        bundle: whose manifest tells most of it. program: whose operators are named. head: as it lies on the device, spare classes included.
    """
    manifest = bundle.manifest
    return {
        "name": manifest["name"],
        "model": manifest.get("model", ""),
        "plan": manifest.get("plan", ""),
        "labels": list(manifest["labels"]),
        "input": dict(manifest["input"]),
        "preprocessing": dict(manifest.get("preprocessing", {})),
        "features": list(manifest.get("features", [])),
        "macs": dict(manifest.get("macs", {})),
        "operators": _operator_names(program),
        "source": dict(manifest.get("source", {})),
        "head": {
            "layers": [_layer(head.head, number) for number in range(len(head.head.layers))],
            "parameter_count": int(head.parameters.size),
        },
    }


def tflite_metadata(program: Program) -> dict[str, Any]:
    """Return the metadata of a bare .tflite model: what its own tensors say."""
    return {
        "name": "",
        "model": "",
        "plan": "",
        "labels": [],
        "input": _described(program.tensors[program.inputs[0]]),
        "preprocessing": {},
        "features": [_described(program.tensors[number]) for number in program.outputs],
        "macs": {"frozen": sum(operator.macs for operator in program.operators), "trainable": 0},
        "operators": _operator_names(program),
        "source": {},
    }


def encoded(metadata: dict[str, Any]) -> bytes:
    """Return the bytes as the image stores them."""
    return json.dumps(metadata, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _operator_names(program: Program) -> list[str]:
    return [f"{operator.name} {operator.kind.name}" for operator in program.operators]


def _layer(head: Head, number: int) -> dict[str, Any]:
    layer, shape = head.layers[number], list(head.shapes[head.value_of(number)])
    return {"kind": layer.kind, "name": layer.name, "shape": shape, "activation": layer.activation, "trains": layer.trained_count}


def _described(tensor: ProgramTensor) -> dict[str, Any]:
    """Shape without batch, scale and zero point."""
    return {"shape": list(tensor.dims[1:]), "scale": tensor.scale, "zero_point": tensor.zero_point}
