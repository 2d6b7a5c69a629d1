"""How to cite a study: BibTeX of what CITATION.cff says of the code, and of the study itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from flowdepth.base.environment import home, versions


def bibtex(facts: Mapping[str, Any], citation: Path | None = None) -> str:
    """Return the entry for the study whose ``provenance.json`` holds ``facts``."""
    citation = citation or home() / "CITATION.cff"
    known = yaml.safe_load(citation.read_text(encoding="utf-8")) if citation.exists() else {}
    git = facts["git"] if isinstance(facts["git"], dict) else {}
    fields = {
        "author": " and ".join(_authors(known.get("authors", ()))),
        "title": f"{{{known.get('title', 'flowdepth')}}}",
        "year": git.get("date", "")[:4],
        "note": ", ".join(_note(facts["study"], git)),
        "url": known.get("repository-code", ""),
    }
    lines = [f"  {name:6} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{flowdepth-{facts['study']},", *lines, "}"])


def _authors(people: Iterable[Mapping[str, str]]) -> Iterator[str]:
    for person in people:
        if "family-names" in person:
            yield f"{person['family-names']}, {person.get('given-names', '')}".rstrip(", ")
        else:
            yield f"{{{person['name']}}}"


def _note(study: str, git: Mapping[str, Any]) -> Iterator[str]:
    yield f"Study {study}"
    yield f"version {versions('flowdepth')['flowdepth']}"
    if "commit" in git:
        yield f"commit {git['commit'][:12]}" + (" with changes" if git["dirty"] else "")
