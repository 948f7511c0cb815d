# SPDX-License-Identifier: Apache-2.0
"""A bundle whose head is a graph, for the tests of bundles."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def woven_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a bundle with two features and layers of most kinds; only biases and the last Dense train."""
    pytest.importorskip("keras", reason="needs tinytl[host]")
    from cut_models import noise, shaken, woven

    from tinytl.exporting.export import export_model

    path = tmp_path_factory.mktemp("woven") / "woven.tinytl"
    export_model(
        shaken(woven()), noise((8, 8, 3)), plan="bias+last-dense:1", out=path, model_name="woven", value_range=(0.0, 1.0), dropout=True
    )
    return path
