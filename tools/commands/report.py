"""``python -m tools report``: the report of a run, built again."""

from pathlib import Path


def run(output_dir: str) -> None:
    """Build report.html again from what a run has written to its output folder.

    Example: python -m tools report runs/first

    Args:
        output_dir: folder of a training, evaluation or inference run, with its summary.json.
    """
    from ..report.report import build_report

    print(build_report(Path(str(output_dir))))
