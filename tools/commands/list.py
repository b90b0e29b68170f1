"""``python -m tools list``: what this collection holds."""


def run() -> None:
    """Show the bundles of this collection and the data sets that `prepare` can convert."""
    from ..bundle.collection import listing
    from ..datasets.registry import DATASETS

    print(listing())
    print("\ndata sets for `python -m tools prepare`")
    for name, entry in DATASETS.items():
        print(f"{name}  {entry.raw_form}; {entry.source}")
