"""``python -m tools compare``: two runs, patient by patient."""

from pathlib import Path


def run(run_a: str, run_b: str, output: str | None = None, seed: int = 0) -> None:
    """Compare two evaluations of the same patients: paired differences B - A of every score, with intervals.

    Refuses runs that were on other data. Writes compare.json, compare.csv, compare.png and compare.html.

    Example: python -m tools compare runs/first/evaluate runs/second/evaluate

    Args:
        run_a: output folder of the first run, with its patients.json and summary.json.
        run_b: the same of the second.
        output: folder for the files. Default: "compare" in the folder of the second run.
        seed: of the bootstrap.
    """
    from ..report.comparison import compare_runs
    from ..report.comparison_page import verdict, write_comparison
    from ..report.paired_runs import named, read_run

    folders = [Path(str(folder)) for folder in (run_a, run_b)]
    comparison = compare_runs(*(read_run(folder) for folder in folders), seed=seed)
    path = write_comparison(comparison, folders[1] / "compare" if output is None else Path(str(output)))
    for side, folder in zip(("a", "b"), folders, strict=True):
        if comparison[f"only_{side}"]:
            print(f"only in {folder}, left out: {named(comparison[f'only_{side}'])}")
    for name, of_class in comparison["classes"].items():
        print(f"{name}: {verdict(of_class)}")
    print(path)
