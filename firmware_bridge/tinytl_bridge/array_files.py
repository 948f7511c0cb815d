# SPDX-License-Identifier: Apache-2.0
"""Files of `tinytl run`: `.npy` for one tensor, `.npz` with the tensors' names for several.

In: paths. Out: arrays by tensor name, and the other way round. What is read has no pickles; what is written is there whole or not at all.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tinytl.errors import DataError
from tinytl.files import write_whole

ENDINGS = (".npy", ".npz")


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read the arrays for the tensors of those names.

    Args:
        path: a .npy (one tensor only), or a .npz with one array a tensor; that of a single tensor may have any name.

    Raises:
        DataError: missing, damaged or another kind of file, pickled objects, one array where several are needed, other names.
    """
    expected = f"a .npy array of samples for {names[0]!r}" if len(names) == 1 else f"a .npz with the arrays {_listed(names)}"
    try:
        loaded = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"there is no file {str(path)!r}", expected=expected) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read: {_reason(error)}", expected=expected) from None
    if isinstance(loaded, np.ndarray):
        if len(names) > 1:
            raise DataError(f"{path} holds one array; the model has {len(names)} inputs", expected=expected)
        return {names[0]: loaded}
    with loaded:
        return _members(path, loaded, names, expected)


def _members(path: Path, loaded: "np.lib.npyio.NpzFile", names: Sequence[str], expected: str) -> dict[str, np.ndarray]:
    if len(names) == 1 and len(loaded.files) == 1:
        stored_names = {names[0]: loaded.files[0]}
    elif set(loaded.files) == set(names):
        stored_names = {name: name for name in names}
    else:
        raise DataError(f"{path} holds the arrays {_listed(loaded.files)}", expected=expected, hint="tinytl inspect MODEL names the inputs")
    try:
        return {name: loaded[stored] for name, stored in stored_names.items()}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read: {_reason(error)}", expected=expected) from None


def expect_writable(path: Path, names: Sequence[str]) -> None:
    """Refuse a file that could not be written once all is computed.

    Raises:
        DataError: another ending than .npy and .npz, a .npy for several outputs, or no such folder.
    """
    if path.suffix not in ENDINGS:
        raise DataError(f"the output {str(path)!r} ends with {path.suffix!r}", expected=" or ".join(ENDINGS))
    if path.suffix == ".npy" and len(names) > 1:
        raise DataError(
            f"the model has {len(names)} outputs ({_listed(names)}); a .npy holds one array",
            expected="a .npz", hint=f"--output {path.with_suffix('.npz')}",
        )  # fmt: skip
    if not path.parent.is_dir():
        raise DataError(f"the output's folder {str(path.parent)!r} does not exist", expected="a folder", hint=f"mkdir -p {path.parent}")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write one array as .npy, or all as .npz, whole or not at all."""
    stream = io.BytesIO()
    if path.suffix == ".npy":
        (array,) = arrays.values()
        np.save(stream, array, allow_pickle=False)
    else:
        with zipfile.ZipFile(stream, "w") as archive:  # not np.savez: it gives "file" and "/" in names a meaning
            for name, array in arrays.items():
                member = io.BytesIO()
                np.save(member, array, allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    write_whole(path, stream.getvalue())


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
