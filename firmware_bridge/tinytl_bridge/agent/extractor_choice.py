# SPDX-License-Identifier: Apache-2.0
"""Which engine runs the extractor of the agent's model: the one that was asked for, or the one that a measurement on this machine chose.

In: the bundle that came with a model, and what was measured of it. Out: the session's extractor, and words for who asks. A session runs its
own kernels for every other model than the bundle's.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinytl.bundle.bundle import Bundle
from tinytl.errors import TinytlError
from tinytl.files import write_whole
from tinytl.model_file import read_model
from tinytl_bridge.agent.kept_files import KeptFiles
from tinytl_bridge.engines import EngineChoice, litert_extractor
from tinytl_bridge.engines.choice import UNMEASURED
from tinytl_bridge.targets.host import HostTarget

_NAME = "engine.json"


class ExtractorChoice:
    """The engine in use.

    Args:
        wanted: "auto", "runtime" or "litert". target: whose extractor it is. files: with the bundle. folder: keeps what was chosen.
    """

    def __init__(self, wanted: str, target: HostTarget, files: KeptFiles, folder: Path) -> None:
        self._wanted, self._target, self._files, self._path = wanted, target, files, folder / _NAME
        self._told: dict[str, Any] = {}
        self.renew()

    def bundle(self) -> Bundle | None:
        """Return the bundle that came with the model, None where none did or a .tflite has no head."""
        path = self._files.path("model")
        return read_model(path).bundle if path is not None else None

    def renew(self) -> None:
        """Look again: another bundle came, or another choice was made."""
        self._told = {"engine": "runtime", "engine_reason": UNMEASURED.reason}
        try:
            bundle = self.bundle()
            engine, reason = self._chosen(bundle)
            extractor = litert_extractor(bundle) if bundle is not None and engine == "litert" else None
        except TinytlError as error:  # nothing of this may keep a device from working: its own kernels always can
            engine, reason, extractor = "runtime", f"runtime, because litert cannot be had: {error.what}.", None
        self._target.extract = extractor
        self._told = {"engine": engine, "engine_reason": reason}
        if extractor is not None:
            self._told |= {"engine_version": extractor.version, "engine_threads": extractor.num_threads}

    def take(self, choice: EngineChoice, bundle: Bundle) -> None:
        """Keep what a measurement chose for a bundle, and go by it."""
        document = {"bundle_id": bundle.bundle_id.hex(), "engine": choice.engine, "reason": choice.reason}
        write_whole(self._path, (json.dumps(document, indent=1) + "\n").encode())
        self.renew()

    def facts(self) -> Mapping[str, Any]:
        """Return the engine in use, why, and how often it could not be had, for `info`."""
        extraction = self._target.extraction
        if extraction is None:
            return self._told
        fault = {"engine_fault": extraction.fault} if extraction.fault else {}
        return self._told | {"engine_samples": extraction.extracted, "runtime_samples": extraction.declined} | fault

    def _chosen(self, bundle: Bundle | None) -> tuple[str, str]:
        if self._wanted == "runtime" or (self._wanted == "litert" and bundle is not None):
            return self._wanted, f"{self._wanted}, because the agent was started with it."
        if bundle is None:
            return "runtime", "runtime, because no bundle came with the model."
        measured = self._measured()
        if measured.get("bundle_id") != bundle.bundle_id.hex():
            return "runtime", UNMEASURED.reason
        return str(measured["engine"]), str(measured["reason"])

    def _measured(self) -> Mapping[str, Any]:
        """Return what was chosen before; nothing where there is none, or the file is damaged: then it is measured again."""
        try:
            document = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        whole = isinstance(document, dict) and document.get("engine") in ("runtime", "litert") and isinstance(document.get("reason"), str)
        return document if whole else {}
