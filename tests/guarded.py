# SPDX-License-Identifier: Apache-2.0
"""Bundles whose heads learn with other settings than those that they were exported with."""

from dataclasses import replace
from pathlib import Path

from tinytl.bundle import Bundle, head_fields, read_bundle, write_bundle


def with_settings(source: Path, out: Path, **settings: float) -> Bundle:
    """Write a bundle like `source` but for settings of learning."""
    bundle = read_bundle(source)
    head = replace(bundle.head, learning=replace(bundle.head.learning, **settings))  # type: ignore[arg-type]
    return write_bundle(replace(bundle, head=head, manifest=bundle.manifest | {"head": head_fields(head)}), out)
