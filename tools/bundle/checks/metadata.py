"""metadata.json follows MONAI's schema and has a version that its changelog knows."""

import json
from pathlib import Path

from ..versions import changelog_problems
from .subject import Subject

SCHEMA = Path(__file__).resolve().parents[1] / "meta_schema_20240725.json"
SCHEMA_URL = "https://project-monai.github.io/schema/meta_schema_20240725.json"


def check(subject: Subject) -> list[str]:
    """Return everything in which metadata.json departs from the schema, without asking the network."""
    from jsonschema import Draft201909Validator

    facts = subject.facts
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    errors = sorted(Draft201909Validator(schema).iter_errors(facts), key=lambda error: list(map(str, error.path)))
    problems = [f"metadata.json, {'/'.join(map(str, error.path)) or 'top level'}: {error.message}" for error in errors]
    if facts.get("schema") != SCHEMA_URL:
        problems.append(f"metadata.json, schema: must be {SCHEMA_URL}, got {facts.get('schema')}")
    problems += [f"metadata.json: {problem}" for problem in changelog_problems(facts)]
    return [f"{problem}; correct it there" for problem in problems]
