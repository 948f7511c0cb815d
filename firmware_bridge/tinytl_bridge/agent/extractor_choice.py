# SPDX-License-Identifier: Apache-2.0
"""Which engine runs the extractor of the agent's model: the one that was asked for, or the one that a measurement on this machine chose.

In: the bundle that came with a model, and what was measured of it. Out: the session's extractor, and words for who asks. A session runs its
own kernels for every other model than the bundle's. LiteRT gets a bundle only after it ran it once in a process of its own.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinytl.bundle.bundle import Bundle
from tinytl.errors import DeviceError, TinytlError
from tinytl.files import write_whole
from tinytl.model_file import read_model
from tinytl_bridge.agent.fault_log import FaultLog
from tinytl_bridge.agent.kept_files import KeptFiles
from tinytl_bridge.engines import EngineChoice, LitertExtractor, litert_extractor
from tinytl_bridge.engines.choice import UNMEASURED
from tinytl_bridge.engines.trial import Trial, tried_litert
from tinytl_bridge.targets.host import HostTarget

log = logging.getLogger("tinytl.agent")
_NAME = "engine.json"


@dataclass(frozen=True)
class _Chosen:
    """An engine, why, and LiteRT's threads; None: as many as there are cores, up to four."""

    engine: str
    reason: str
    num_threads: int | None = None


class ExtractorChoice:
    """The engine in use.

    Args:
        wanted: "auto", "runtime" or "litert". target: whose extractor it is. files: with the bundle. folder: keeps what was chosen.
    """

    def __init__(self, wanted: str, target: HostTarget, files: KeptFiles, folder: Path) -> None:
        self._wanted, self._target, self._files, self._path = wanted, target, files, folder / _NAME
        self._told: dict[str, Any] = {}
        self._tried: tuple[bytes, Trial] | None = None
        self.renew()

    def bundle(self) -> Bundle | None:
        """Return the bundle that came with the model, None where none did or a .tflite has no head."""
        path = self._files.path("model")
        return read_model(path).bundle if path is not None else None

    def renew(self) -> None:
        """Look again: another bundle came, or another choice was made."""
        extractor = None
        try:
            bundle = self.bundle()
            chosen = self._chosen(bundle)
            if bundle is not None and chosen.engine == "litert":
                extractor = self.litert(bundle, chosen.num_threads)
        except TinytlError as error:  # nothing of this may keep a device from working: its own kernels always can
            chosen = _Chosen("runtime", f"runtime, because litert cannot be had: {error.what}.")
        self._target.extract = None if extractor is None else FaultLog(extractor)
        if self._told.get("engine_reason") != chosen.reason:
            log.info("engine %s", chosen.reason)
        self._told = {"engine": chosen.engine, "engine_reason": chosen.reason}
        if extractor is not None:
            self._told |= {"engine_version": extractor.version, "engine_threads": extractor.num_threads}

    def litert(self, bundle: Bundle, num_threads: int | None) -> LitertExtractor:
        """Return the extractor of the bundle that came with the model, in LiteRT, once that ran it in another process.

        Args:
            bundle: as `bundle` returns it. num_threads: of LiteRT; None: as many as `default_threads`.

        Raises:
            DeviceError: the trial failed; LiteRT is missing or refuses it. ModelError: likewise.
        """
        self._expect_tried(bundle)
        return litert_extractor(bundle, num_threads=num_threads)

    def take(self, choice: EngineChoice, bundle: Bundle) -> None:
        """Keep what a measurement chose for a bundle, and go by it."""
        threads = None if choice.comparison is None else choice.comparison.litert.num_threads
        document = {"bundle_id": bundle.bundle_id.hex(), "engine": choice.engine, "reason": choice.reason, "num_threads": threads}
        write_whole(self._path, (json.dumps(document, indent=1) + "\n").encode())
        self.renew()

    def measured_threads(self, bundle: Bundle) -> int | None:
        """Return the threads that a measurement found fastest for a bundle, None before any."""
        return self._measured(bundle).num_threads

    def facts(self) -> Mapping[str, Any]:
        """Return the engine in use, why, and how often it could not be had, for `info`."""
        extraction = self._target.extraction
        if extraction is None:
            return self._told
        fault = {"engine_fault": extraction.fault} if extraction.fault else {}
        return self._told | {"engine_samples": extraction.extracted, "runtime_samples": extraction.declined} | fault

    def _chosen(self, bundle: Bundle | None) -> _Chosen:
        if self._wanted == "runtime":
            return _Chosen("runtime", "runtime, because the agent was started with it.")
        if bundle is None:
            return _Chosen("runtime", "runtime, because no bundle came with the model.")
        measured = self._measured(bundle)
        if self._wanted == "litert":
            return _Chosen("litert", "litert, because the agent was started with it.", measured.num_threads)
        return measured

    def _expect_tried(self, bundle: Bundle) -> None:
        """Try LiteRT in another process, once a bundle; who asked for litert has it where no process can be started."""
        if self._tried is None or self._tried[0] != bundle.bundle_id:
            path = self._files.path("model")
            assert path is not None  # the bundle was read from it
            self._tried = bundle.bundle_id, tried_litert(path)
        trial = self._tried[1]
        if not trial.works and (trial.was_had or self._wanted != "litert"):
            raise DeviceError(trial.reason, expected="one extraction", hint="runtime runs it")

    def _measured(self, bundle: Bundle) -> _Chosen:
        """Return what was chosen for a bundle; `UNMEASURED` where nothing was, or the file is damaged: then it is measured again."""
        unmeasured = _Chosen(UNMEASURED.engine, UNMEASURED.reason)
        try:
            document = json.loads(self._path.read_text())
            engine, reason, threads = document["engine"], document["reason"], document.get("num_threads")
            is_its = document["bundle_id"] == bundle.bundle_id.hex()
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return unmeasured
        is_whole = engine in ("runtime", "litert") and isinstance(reason, str) and (threads is None or _is_count(threads))
        return _Chosen(engine, reason, threads) if is_its and is_whole else unmeasured


def _is_count(threads: Any) -> bool:
    return isinstance(threads, int) and not isinstance(threads, bool) and threads >= 1
