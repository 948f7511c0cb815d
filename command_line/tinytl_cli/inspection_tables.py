# SPDX-License-Identifier: Apache-2.0
"""The tables of `tinytl inspect`."""

from rich.console import Console

from tinytl.inspection import Inspection
from tinytl.tflite.signature import TensorSpec
from tinytl_cli.console import table


def render_inspection(console: Console, found: Inspection) -> None:
    """Print an inspection: facts, layers, RAM, flash, energy, checksums, what fits where."""
    console.print(table(f"{found.path} ({found.kind})", ("what", "value"), _facts(found)))
    console.print()
    _render_layers(console, found)
    console.print()
    _render_memory(console, found)
    if found.energy:
        energies = [(name, figure.value, figure.how) for name, figure in found.energy.items()]
        console.print()
        console.print(table("Energy", ("model", "nJ", "where it comes from"), energies, numeric=("nJ",)))
    if found.fits:
        rows = [(fit.board, fit.arena_bytes, fit.arena_limit, fit.slot_bytes, fit.slot_limit, fit.text) for fit in found.fits]
        columns = ("board", "arena B", "of", "slot B", "of", "fits")
        console.print()
        console.print(table("What fits where", columns, rows, numeric=columns[1:5]))
    console.print()
    console.print(
        table("Parts", ("member", "bytes", "sha256"), [(m.name, m.bytes, m.sha256[:32] + "…") for m in found.members], numeric=("bytes",))
    )
    if found.misses:
        note = "layers, RAM and flash above are those of its smallest kernels, without these limits"
        console.print(f"warning: it does not fit: {found.misses}; {note}", markup=False)
    for warning in found.warnings:
        console.print(f"warning: {warning}", markup=False)


def _facts(found: Inspection) -> list[tuple[str, str]]:
    facts = [("name", found.name)]
    if found.kind == "bundle":
        facts += [("model, plan", f"{found.model}, {found.plan}"), ("bundle id", found.bundle_id)]
        facts += [("labels", f"{' '.join(found.labels)} (room for {found.class_capacity})")]
    facts += [(f"input {spec.name}", _tensor(spec)) for spec in found.inputs]
    facts += [(f"output {spec.name}", _tensor(spec)) for spec in found.features]
    if found.accuracy_int8 is not None:
        before = "" if found.accuracy_float is None else f"{found.accuracy_float:.4f} float, "
        facts += [("accuracy on the source task", f"{before}{found.accuracy_int8:.4f} int8 (host)")]
    return facts


def _tensor(spec: TensorSpec) -> str:
    """Say «(1, 8) int8, scale 0.05, zero point 3», and of what is not quantized «(1, 8) float32»."""
    quantized = f", scale {spec.scale:g}, zero point {spec.zero_point}" if spec.scale else ""
    return f"{spec.shape} {spec.dtype}{quantized}"


def _render_layers(console: Console, found: Inspection) -> None:
    rows = [
        (
            *(layer.name, layer.operator, layer.kernel or _rate(layer.rate_factor), "×".join(map(str, layer.output_shape[1:]))),
            *(layer.macs, layer.expected_instructions, layer.weight_bytes, layer.activation_bytes),
        )
        for layer in found.layers
    ]
    columns = ("layer", "operator", "kernel, rate", "output", "MACs", "instr. (model)", "weights B", "activ. B")
    title = f"Layers: {found.frozen_macs:,} MACs frozen, {found.trainable_macs:,} trainable"
    console.print(table(title, columns, rows, numeric=columns[4:]))


def _rate(factor: float | None) -> str:
    """Say by what a layer's learning rate differs from the head's."""
    return "" if factor is None or factor == 1 else f"rate × {factor:.2g}"


def _render_memory(console: Console, found: Inspection) -> None:
    rows = [(r.name, r.offset, r.bytes, f"{r.first_operator} – {r.last_operator}") for r in sorted(found.arena_map, key=lambda r: r.offset)]
    columns = ("range", "offset", "bytes", "operators")
    console.print(table(f"RAM: arena of {found.arena_bytes:,} bytes (image plan)", columns, rows, numeric=columns[1:3]))
    console.print()
    flash = [
        ("constants", found.constant_bytes),
        ("head", found.head_bytes),
        ("replay set", found.replay_set_bytes),
        ("records and metadata", found.image_bytes - found.constant_bytes - found.head_bytes - found.replay_set_bytes),
    ]
    console.print(table(f"Flash: image of {found.image_bytes:,} bytes", ("part", "bytes"), flash, numeric=("bytes",)))
