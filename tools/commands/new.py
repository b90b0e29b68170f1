"""``python -m tools new``: a new bundle, made like one there is."""


def run(name: str, like: str) -> None:
    """Make bundles/NAME as a copy of another bundle that works at once; change it from there.

    docs/adding_a_bundle.md walks through the rest.

    Example: python -m tools new lung_lesion_segmentation --like aura_v3

    Args:
        name: of the new bundle: lower-case letters, digits and single underscores.
        like: bundle to copy; `python -m tools list` shows those there are.
    """
    from ..bundle.collection import REPOSITORY
    from ..bundle.name_notes import name_notes
    from ..bundle.new import new_bundle

    bundle = new_bundle(REPOSITORY, str(name), str(like))
    print(f"made {bundle.relative_to(REPOSITORY)}, like {like}; try it: python -m tools verify {name}")
    print("\n".join(name_notes(str(name))))
