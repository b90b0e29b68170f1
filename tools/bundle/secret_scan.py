"""Files and lines that look like secrets. What was found is named by its kind and place, never shown."""

import re
from fnmatch import fnmatch

NAMES = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx", "*.ppk", "id_rsa*", "id_dsa*",
    "id_ecdsa*", "id_ed25519*", ".netrc", ".npmrc", ".pypirc", ".htpasswd", "*credentials*", "*secret*", "kubeconfig",
    "token", "token.*", "*_token", "*_token.*",
)  # fmt: skip
KINDS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "an AWS key": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|aws_secret_access_key\s*[=:]",
    "a GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{16,}",
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{20,}",
    "a Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a Google key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "an API key": r"\bsk-[A-Za-z0-9_-]{20,}",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}",
    "a password in an address": r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]+:[^\s/:@'\"]+@",
    "a password": r"(?i)(passw(or)?d|secret|api_?key|access_?key|auth_?token)['\"]?\s*[=:]\s*['\"][^'\"\s]{6,}['\"]",
}
PATTERNS = {kind: re.compile(pattern) for kind, pattern in KINDS.items()}


def secret_name(name: str) -> bool:
    """Return whether a file's name is one that secrets have."""
    return any(fnmatch(name.lower(), pattern) for pattern in NAMES)


def secret_lines(place: str, text: str) -> list[str]:
    """Return a reason for each line of a text that looks like a secret."""
    return [
        f"{place}, line {number}: looks like {kind}; take it out, and revoke it if it is real"
        for number, line in enumerate(text.splitlines(), start=1)
        for kind, pattern in PATTERNS.items()
        if pattern.search(line)
    ]
