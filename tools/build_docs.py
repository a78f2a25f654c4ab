"""Builds the documentation into site/, so that it works from a file system without a network.

The theme's search wants a worker, which a browser refuses to a page that was opened as a file; a small script of npm helps. The
theme would fetch it from the network at each visit: here it is put beside the pages once. Without npm the site is complete but
for its search.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SITE = ROOT / "site"
PACKAGES = ROOT / ".venv"
SHIM = re.compile(r'<script src="https://[^"]*iframe-worker[^"]*"[^>]*></script>')
LOADED = re.compile(r'<(?:script|link|img)\b[^>]*(?:src|href)="https?://[^"]+"')


def main() -> int:
    """Build, and check that no page loads anything from elsewhere. Returns the exit status."""
    shutil.rmtree(SITE, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "zensical", "build", "--strict", "-f", str(ROOT / "mkdocs.yml")], check=True)
    shim = _shim()
    outside: set[str] = set()
    for page in SITE.rglob("*.html"):
        up = "../" * (len(page.relative_to(SITE).parts) - 1)
        text = SHIM.sub(f'<script src="{up}assets/{shim.name}"></script>' if shim else "", page.read_text("utf-8"))
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


if __name__ == "__main__":
    sys.exit(main())
