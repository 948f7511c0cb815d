# SPDX-License-Identifier: Apache-2.0
"""A LiteRT whose process dies when a model runs, as some models make it: the installed one, with one method replaced.

In: a folder and what `invoke` does. Out: the folder, to go first on PYTHONPATH.
"""

from pathlib import Path

import ai_edge_litert

_PACKAGE = "__path__.append({real!r})\n"
_INTERPRETER = """
import importlib.util, os, signal, sys, time
spec = importlib.util.spec_from_file_location("ai_edge_litert.real_interpreter", {file!r})
real = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = real
spec.loader.exec_module(real)
OpResolverType = real.OpResolverType

class Interpreter(real.Interpreter):
    def invoke(self):
        {action}
"""
CRASH = "os.kill(os.getpid(), signal.SIGSEGV)"
HANG = "time.sleep(60)"
REFUSAL = "raise RuntimeError('no such kernel')"


def litert_that(action: str, folder: Path) -> Path:
    """Write the package. action: one of the lines above. folder: where to."""
    (real,) = ai_edge_litert.__path__
    package = folder / "ai_edge_litert"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(_PACKAGE.format(real=real))
    (package / "interpreter.py").write_text(_INTERPRETER.format(file=str(Path(real) / "interpreter.py"), action=action))
    return folder
