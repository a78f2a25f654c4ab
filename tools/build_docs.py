"""Builds the documentation into site/, so that it works from a file system without a network.

The theme's search wants a worker, which a browser refuses to a page that was opened as a file; a small script of npm helps. The
theme would fetch it from the network at each visit: here it is put beside the pages once. So is what draws diagrams. Without npm
the site is complete but for its search, and diagrams are shown as the text they are made of.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SITE = ROOT / "site"
PACKAGES = ROOT / ".venv"
SHIM = re.compile(r'<script src="https://[^"]*iframe-worker[^"]*"[^>]*></script>')
DIAGRAM = '<pre class="mermaid">'
LOADED = re.compile(r'<(?:script|link|img)\b[^>]*(?:src|href)="https?://[^"]+"')


def main() -> int:
    """Build, and check that no page loads anything from elsewhere. Returns the exit status."""
    shutil.rmtree(SITE, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "zensical", "build", "--strict", "-f", str(ROOT / "mkdocs.yml")], check=True)
    shim, mermaid = _shim(), _mermaid()
    outside: set[str] = set()
    for page in SITE.rglob("*.html"):
        up = "../" * (len(page.relative_to(SITE).parts) - 1)
        text = SHIM.sub(f'<script src="{up}assets/{shim.name}"></script>' if shim else "", page.read_text("utf-8"))
        if DIAGRAM in text:
            text = _with_script(text, f"{up}assets/{mermaid.name}") if mermaid else text.replace(DIAGRAM, "<pre>")
        page.write_text(text, "utf-8")
        outside.update(found for found in LOADED.findall(text) if "canonical" not in found)
    for found in sorted(outside):
        print(f"a page loads something from elsewhere: {found}", file=sys.stderr)
    print(f"open {SITE.relative_to(ROOT)}/index.html")
    return 1 if outside else 0


def _shim() -> Path | None:
    """The script beside the pages, None without npm."""
    package = PACKAGES / "node_modules" / "iframe-worker"
    npm = shutil.which("npm")
    if npm and not package.is_dir():
        subprocess.run(
            [npm, "install", "--silent", "--no-save", "--prefix", str(PACKAGES), "iframe-worker"], check=False
        )
    found = next(iter(sorted(package.glob("shim/index.js"))), None)
    return Path(shutil.copy(found, SITE / "assets" / "iframe-worker.js")) if found else None


def _with_script(page: str, source: str) -> str:
    return page.replace("</head>", f'<script src="{source}"></script></head>', 1)


def _mermaid() -> Path | None:
    """What draws diagrams, beside the pages; None without npm."""
    kept, npm = PACKAGES / "mermaid.min.js", shutil.which("npm")
    if npm and not kept.is_file():  # the one file, without what `npm install` would bring along
        pack = [npm, "pack", "--silent", "--pack-destination", str(PACKAGES), "mermaid@12"]
        subprocess.run(pack, check=False, stdout=subprocess.DEVNULL)
        for archive in PACKAGES.glob("mermaid-12*.tgz"):
            with tarfile.open(archive) as packed:
                found = packed.extractfile("package/dist/mermaid.min.js")
                kept.write_bytes(found.read() if found else b"")
            archive.unlink()
    return Path(shutil.copy(kept, SITE / "assets" / kept.name)) if kept.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
