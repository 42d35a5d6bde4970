"""Where files stand, as a forge names them: from the root of the repository that the command runs in."""

from pathlib import Path
from urllib.parse import quote


def repository_root(folder: Path) -> Path:
    """The nearest folder with a `.git`, or the folder itself."""
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)


def from_root(file: str, root: Path) -> str:
    """The file's path from the root, with `/`; one outside stays absolute."""
    path = Path(file).resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def uri(file: str, root: Path) -> str:
    """The same as a URI (RFC 3986), relative to the root or of the scheme file."""
    path = from_root(file, root)
    # A colon in the first part would be taken for the end of a scheme; quote escapes it.
    return quote(path.encode("utf-8", "surrogateescape"), safe="/") if not Path(path).is_absolute() else Path(path).as_uri()
