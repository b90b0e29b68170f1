"""The data sets that can be converted, by name: one row each, imported only when used."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from inspect import signature


@dataclass(frozen=True)
class DatasetEntry:
    """Where the converter and the phantom of a data set are, and what its raw form looks like."""

    module: str
    phantom_module: str
    raw_form: str
    source: str

    def is_here(self) -> bool:
        """Return whether this copy of the package holds the modules."""
        return all(find_spec(f".{module}", __package__) for module in (self.module, self.phantom_module))

    def prepare(self) -> Callable:
        """Return the converter, ``prepare(source, output, ...)``."""
        return import_module(f".{self.module}", __package__).prepare

    def options(self) -> set[str]:
        """Return the names of what the converter can be told besides source and output."""
        return set(signature(self.prepare()).parameters) - {"source", "output"}

    def datalist(self) -> Callable:
        """Return the reader, ``datalist(dataset_dir, split, phantom_dir)``."""
        return import_module(f".{self.module}", __package__).datalist

    def write_phantom(self) -> Callable:
        """Return the phantom writer, ``write_phantom(folder, patients=, grade=, seed=)``."""
        return import_module(f".{self.phantom_module}", __package__).write_phantom


KNOWN = {
    "nsclc_radiomics": DatasetEntry(
        module="nsclc_radiomics",
        phantom_module="nsclc_phantom",
        raw_form="DICOM CT with RTSTRUCT or SEG, in any folders",
        source="https://doi.org/10.7937/K9/TCIA.2015.PF0M9REI",
    ),
    "msd_lung": DatasetEntry(
        module="msd_lung",
        phantom_module="msd_lung_phantom",
        raw_form="Task06_Lung: NIfTI with dataset.json (or PNG slices with masks)",
        source="http://medicaldecathlon.com",
    ),
    "kermany": DatasetEntry(
        module="kermany",
        phantom_module="kermany_phantom",
        raw_form="JPEG chest X-rays in train/ and test/, each with NORMAL and PNEUMONIA",
        source="https://doi.org/10.17632/rscbjbr9sj.3",
    ),
}
# a packed bundle holds the modules of its own data set only
DATASETS = {name: entry for name, entry in KNOWN.items() if entry.is_here()}


def dataset_entry(name: str) -> DatasetEntry:
    """Return the entry of a data set.

    Raises:
        ValueError: for an unknown name, listing those there are.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set '{name}'; those there are: {', '.join(sorted(DATASETS))}")
    return DATASETS[name]
