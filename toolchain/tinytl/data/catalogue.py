# SPDX-License-Identifier: Apache-2.0
"""The published datasets as data: addresses, checksums, class names. Adding one takes an entry here.

MNIST, Fashion-MNIST: the authors' idx files at the mirrors that TensorFlow Datasets and Keras use. CIFAR: the authors' binary archives.
"""

from tinytl.data.card import DatasetCard
from tinytl.data.packaged import DIGITS
from tinytl.data.published import IDX_FILES, Published, read_cifar10, read_cifar100, read_idx_set

FASHION = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def _idx_checksums(*digests: str) -> dict[str, str]:
    return {name: f"md5:{digest}" for name, digest in zip(IDX_FILES, digests, strict=True)}


PUBLISHED = (
    Published(
        DatasetCard("mnist", "handwritten digits, LeCun et al.", (60000, 10000), (28, 28, 1), 10, "a download of 12 MB"),
        DIGITS,
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        _idx_checksums(
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        read_idx_set,
    ),
    Published(
        DatasetCard("fashion-mnist", "clothes, Xiao et al.", (60000, 10000), (28, 28, 1), 10, "a download of 31 MB"),
        FASHION,
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        _idx_checksums(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        read_idx_set,
        own_folder=True,
    ),
    Published(
        DatasetCard("cifar10", "photographs of ten things, Krizhevsky", (50000, 10000), (32, 32, 3), 10, "a download of 170 MB"),
        CIFAR10,
        "https://www.cs.toronto.edu/~kriz/",
        {"cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"},
        read_cifar10,
    ),
    Published(
        DatasetCard("cifar100", "photographs of a hundred things, Krizhevsky", (50000, 10000), (32, 32, 3), 100, "a download of 169 MB"),
        (),
        "https://www.cs.toronto.edu/~kriz/",
        {"cifar-100-binary.tar.gz": "md5:03b5dce01913d631647c71ecec9e9cb8"},
        read_cifar100,
    ),
    Published(
        DatasetCard("usps", "digits of US mail, another scanner", (7291, 2007), (16, 16, 1), 10, "usps.npz in TINYTL_DATA_DIR"), DIGITS
    ),
    Published(
        DatasetCard("notmnist", "letters A to J in many fonts", (8000, 2000), (28, 28, 1), 10, "notmnist.npz in TINYTL_DATA_DIR"),
        tuple("ABCDEFGHIJ"),
    ),
)
