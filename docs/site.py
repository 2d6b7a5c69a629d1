"""Adds to the site what lies beside docs/: published reports with first figures, a README.

Formulas get a box of their own, in which a wide one can be scrolled. The search's index becomes a
script as well, which a browser loads from a folder too.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

# As the pages name it, whose links also hold in the repository, and where it is on the site.
_PLACES = {
    "../results/reference/": "reference/",
    "../benchmarks/README.md": "benchmarks/README.md",
}
_FORMULA = re.compile(r'<math\b[^>]*\bdisplay="block".*?</math>', re.DOTALL)
_SHOWN = ("*/report.html", "*/figures/*.svg")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files to those of docs/."""
    for named, on_site in _PLACES.items():
        place = Path(config.docs_dir, named).resolve()
        for path in sorted(one for pattern in _SHOWN for one in place.glob(pattern)):
            files.append(_added(config, on_site + path.relative_to(place).as_posix(), path))
        if place.is_file():
            files.append(_added(config, on_site, place))
    return files


def _added(config: MkDocsConfig, name: str, path: Path) -> File:
    added = File.generated(config, name, abs_src_path=str(path))
    added.inclusion = InclusionLevel.NOT_IN_NAV
    return added


def on_page_markdown(markdown: str, **_: object) -> str:
    """Point links into the repository to the site."""
    for named, on_site in _PLACES.items():
        markdown = markdown.replace(f"({named}", f"({on_site}")
    return markdown


def on_page_content(html: str, **_: object) -> str:
    """Put each formula on a line of its own into a box."""
    return _FORMULA.sub(r'<div class="formula">\g<0></div>', html)


def on_post_build(config: MkDocsConfig) -> None:
    """Write the search's index as the script that the theme looks for in a folder."""
    index = Path(config.site_dir, "search", "search_index.json")
    text = index.read_text(encoding="utf-8")
    index.with_suffix(".js").write_text(f"var __index = {text};\n", encoding="utf-8")
