"""Which distribution stands behind a name that is imported."""

import re

# where the name that is imported is not that of the distribution
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "ignite": "pytorch-ignite",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# `python -m monai.bundle` is a Fire command line, and reads YAML files such as large_files.yml
MONAI_BUNDLE = {"fire", "pyyaml"}
# what a component of MONAI, Ignite or torch imports when it is used, by its name without the "d" of dictionaries
IMPORTED_LATE = {
    "LoadImage": "nibabel",
    "SaveImage": "nibabel",
    "NibabelReader": "nibabel",
    "NibabelWriter": "nibabel",
    "ITKReader": "itk",
    "ITKWriter": "itk",
    "PydicomReader": "pydicom",
    "PILReader": "pillow",
    "PILWriter": "pillow",
    "ProgressBar": "tqdm",
    "CacheDataset": "tqdm",
    "SummaryWriter": "tensorboard",
    "TensorBoardStatsHandler": "tensorboard",
    "TensorBoardImageHandler": "tensorboard",
    "MLFlowHandler": "mlflow",
    "SupervisedTrainer": "pytorch-ignite",
    "SupervisedEvaluator": "pytorch-ignite",
}


def distribution(name: str) -> str:
    """Return the normal form of the distribution that provides an importable name."""
    return re.sub(r"[-_.]+", "-", DISTRIBUTIONS.get(name, name)).lower()


def imported_late(name: str) -> set[str]:
    """Return what a component imports when it is used; every handler of MONAI is one of Ignite."""
    plain = re.sub(r"(?<=[a-z])(d|D|Dict)$", "", name)
    named = {IMPORTED_LATE[key] for key in {name, plain} & set(IMPORTED_LATE)}
    return named | ({"pytorch-ignite"} if name.endswith("Handler") else set())
