# SPDX-License-Identifier: Apache-2.0
"""Stage 1, data: a name or a path becomes a checked `Dataset`; samples become what a model takes.

Registered names, folders of images by class, .npz and .csv files. Needs no TensorFlow.
"""

from tinytl.data.card import DatasetCard
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import fit_samples, prepare_samples, quantize_samples
from tinytl.data.registry import list_datasets, load_dataset
from tinytl.data.sheet import contact_sheet

__all__ = [
    "Dataset",
    "DatasetCard",
    "contact_sheet",
    "fit_samples",
    "list_datasets",
    "load_dataset",
    "prepare_samples",
    "quantize_samples",
]
