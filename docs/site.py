"""Adds what the published studies show to the site: their reports and first figures."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

# As the pages name it, whose links also hold in the repository.
_IN_REPOSITORY, _ON_SITE = "../results/reference/", "reference/"
_SHOWN = ("*/report.html", "*/figures/*.svg")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files to those of docs/."""
    folder = Path(config.docs_dir, _IN_REPOSITORY).resolve()
    for path in sorted(one for pattern in _SHOWN for one in folder.glob(pattern)):
        name = _ON_SITE + path.relative_to(folder).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Point links into the repository to the site."""
    return markdown.replace(_IN_REPOSITORY, _ON_SITE)
