"""Find the scans below a folder: a converted data set, NIfTI files, DICOM CT series."""

from collections import Counter
from pathlib import Path
from typing import Any

from .phantom_mark import PHANTOM_MARK, is_phantom_file
from .scan_reader import ct_volumes, is_nifti

KEYS = ("image", "patient", "phantom")
LABELS = ("labelsTr", "labelsTs")  # of the Medical Segmentation Decathlon, beside imagesTr and imagesTs


def find_scans(dataset_dir: str | Path | None) -> list[dict[str, Any]]:
    """Every scan below a folder: a converted data set, NIfTI files and DICOM CT series; or the one NIfTI file given.

    Labels are no scans: of a converted set the images are taken, with label or without, and in the form of the Medical
    Segmentation Decathlon ``labelsTr`` beside ``imagesTr`` is passed over.

    Returns:
        ``{"image": path or list of files, "patient": str, "phantom": bool}``, sorted; ``patient`` is unique (file name,
        DICOM case id, the id in a converted set; scans that share one are numbered). A folder that holds one CT series
        and nothing else to choose from is given as the folder.

    Raises:
        ValueError: no folder was given, nothing is in it, or series have problems (all are listed).
        FileNotFoundError, NotADirectoryError: it is neither a folder nor a NIfTI file.
    """
    if dataset_dir is None or str(dataset_dir) == "":
        raise ValueError("no scans were given: pass --dataset_dir FOLDER with NIfTI files (.nii, .nii.gz) or DICOM CT")
    folder = Path(dataset_dir)
    if not folder.exists():
        raise FileNotFoundError(f"dataset_dir does not exist: {folder.absolute()}; give a folder of NIfTI or DICOM")
    if folder.is_file() and is_nifti(folder):
        return _nifti_scans(folder.parent, [folder])
    if not folder.is_dir():
        raise NotADirectoryError(
            f"dataset_dir must be a folder with NIfTI files or DICOM CT, or one NIfTI file, this is neither: {folder}"
        )
    if (folder / "datalist.json").is_file():
        from .datalist import read_all

        return _unique([{key: item[key] for key in KEYS} for items in read_all(folder).values() for item in items])
    nifti = sorted(path for path in folder.rglob("*") if _is_scan(path, folder))
    scans = _nifti_scans(folder, nifti) + _dicom_scans(folder)
    if not scans:
        raise ValueError(f"no scans in {folder.absolute()}: neither NIfTI files (.nii, .nii.gz) nor DICOM CT series")
    return _unique(scans)


def _nifti_scans(folder: Path, paths: list[Path]) -> list[dict[str, Any]]:
    def stem(path: Path) -> str:
        return path.name[: -len(".nii.gz")] if path.name.lower().endswith(".gz") else path.name[: -len(".nii")]

    counts = Counter(stem(path) for path in paths)
    return [
        {
            "image": str(path),
            "patient": stem(path)
            if counts[stem(path)] == 1
            else "_".join([*path.relative_to(folder).parts[:-1], stem(path)]),
            "phantom": is_phantom_file(path),
        }
        for path in paths
    ]


def _is_scan(path: Path, folder: Path) -> bool:
    """Whether a file is NIfTI, not hidden, and no label of the Medical Segmentation Decathlon."""
    if path.name[0] == "." or not is_nifti(path) or not path.is_file():
        return False
    inside = path.relative_to(folder).parents
    return not any(
        parent.name in LABELS and any((folder / parent.parent / name).is_dir() for name in ("imagesTr", "imagesTs"))
        for parent in inside
    )


def _dicom_scans(folder: Path) -> list[dict[str, Any]]:
    from .case_plan import case_name
    from .dicom_files import scan_folder

    tree = scan_folder(folder)
    ct = ct_volumes(tree.series)
    problems = [f"{item.name}: {text}" for item in ct for text in item.findings.problems] + tree.problems
    if problems:
        listed = "".join(f"\n  - {text}" for text in problems)
        raise ValueError(f"{len(problems)} problem(s) with the DICOM files in {folder.absolute()}:{listed}")
    owners = [(item, {path.parent for path in item.files}) for item in ct]
    scans = []
    for item, parents in owners:
        home = next(iter(parents)) if len(parents) == 1 else None
        alone = home is not None and not any(
            parent.is_relative_to(home) for other, theirs in owners if other is not item for parent in theirs
        )
        image = str(home) if alone else [str(path) for path in item.files]
        name, phantom = case_name(item.patient_id, item.study_uid), item.manufacturer == PHANTOM_MARK
        scans.append({"image": image, "patient": name, "phantom": phantom})
    return scans


def _unique(scans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give scans that share a name a number each."""
    counts = Counter(scan["patient"] for scan in scans)
    seen: Counter[str] = Counter()
    for scan in scans:
        name = scan["patient"]
        if counts[name] > 1:
            seen[name] += 1
            scan["patient"] = f"{name}_{seen[name]}"
    return scans
