"""Write each mask of an inference also as a DICOM SEG that refers to the slices of its scan."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.utils import ensure_tuple

from ..datasets.scan_reader import ct_series, is_nifti
from ..report.run_files import write_bytes
from .patient_names import patients_of

logger = logging.getLogger(__name__)


class SegWriter:
    """Write ``output_dir/CASE/CASE_seg.dcm`` for each scan, beside the NIfTI mask.

    Attach it to an evaluator whose output, after its postprocessing, is a list with the mask (1, X, Y, Z) on the grid
    of the scan. What cannot become a SEG is refused when the engine starts, before anything is segmented.

    Args:
        data: the items that are segmented: ``image`` (DICOM folder or list of files), ``patient`` (name of the case).
        output_dir: the folder of the masks.
        segments: names, codes and colours of the labels, see ``transforms.segment_codes``.
        name: of the bundle, recorded as the algorithm.
        version: of the bundle.
        prediction_key: where the mask is.

    Raises:
        ValueError: when the engine starts, listing every scan that is no DICOM series and every fault of ``segments``.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        output_dir: str | Path,
        segments: Sequence[Mapping[str, Any]] | None,
        name: str,
        version: str,
        prediction_key: str = "pred",
    ) -> None:
        self.data = data
        self.output_dir = Path(output_dir)
        self.segments = segments
        self.name = name
        self.version = version
        self.prediction_key = prediction_key

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.STARTED, self._check)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._write)

    def _check(self, engine: Engine) -> None:
        from ..transforms.segment_codes import segment_problems

        problems = segment_problems(self.segments, self.name, self.version)
        problems += [
            f"{item.get('patient')}: {_files(item)[0]} is NIfTI, and a DICOM SEG refers to the slices of a DICOM series"
            for item in self.data
            if is_nifti(_files(item)[0])
        ]
        if problems:
            listed = "".join(f"\n  - {text}" for text in problems)
            raise ValueError(f"no DICOM SEG can be written; give DICOM series or leave out --dicom_seg:{listed}")

    def _write(self, engine: Engine) -> None:
        """Write the SEG of each scan of the batch, under a temporary name first."""
        by_name = {item.get("patient"): item for item in self.data}
        names = patients_of(engine.state.batch, len(engine.state.output))
        for output, name in zip(engine.state.output, names, strict=True):
            content = self._encode(str(name), _files(by_name[name]), output[self.prediction_key])
            write_bytes(self.output_dir / str(name) / f"{name}_seg.dcm", content)

    def _encode(self, case: str, files: list[Path], mask: torch.Tensor) -> bytes:
        from ..transforms.mask_to_seg import mask_to_seg

        if mask.ndim != 4 or mask.shape[0] != 1:
            raise ValueError(f"{case}: a DICOM SEG needs one channel of labels (1, X, Y, Z), got {tuple(mask.shape)}")
        voxels = mask[0].detach().cpu().numpy().round().astype("uint8")
        try:
            affine, series = mask.affine.cpu().numpy(), ct_series(files)
            seg = mask_to_seg(voxels, affine, series, self.segments, self.name, self.version)
        except ValueError as error:
            raise ValueError(f"{case}: no DICOM SEG can be written: {error}") from error
        if not voxels.any():
            logger.warning("%s: nothing was segmented; the frames of its DICOM SEG are empty", case)
        stream = BytesIO()
        seg.save_as(stream, enforce_file_format=True)
        return stream.getvalue()


def _files(item: Mapping[str, Any]) -> list[Path]:
    return [Path(path) for path in ensure_tuple(item["image"])]
