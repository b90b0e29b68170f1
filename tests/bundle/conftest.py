from tests.bundle.small_collection import bundle, collection_in_step, known_packages, root

__all__ = ["bundle", "collection_in_step", "known_packages", "root"]
