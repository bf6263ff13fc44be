"""Where a database must not lie: file systems whose locks or shared memory do not hold across machines."""

from __future__ import annotations

import os
import re

from celeriac.exceptions import ImproperlyConfigured

_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|lustre|gpfs|beegfs|orangefs|pvfs2|ocfs2|gfs2|glusterfs|virtiofs|davfs"
    r"|fuse\.(sshfs|glusterfs|ceph(-fuse)?|s3fs|gcsfuse|rclone|davfs2?|grpcfuse|osxfs|mfs|juicefs|nfs.*|smbnetfs)"
)
_OCTAL = re.compile(r"\\([0-7]{3})")


def network_filesystem(mountinfo: str, path: str) -> str:
    """The type of the network file system that an absolute path lies on, or an empty string.

    `mountinfo` is the text of `/proc/self/mountinfo` (proc(5)): of the mount points above the path the longest
    counts, and of equal ones the last.
    """
    longest, found = "", ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), left.split()[4])
        if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(longest):
            longest, found = point, right.split()[0]
    return found if _NETWORK.fullmatch(found) else ""


OWN_FOLDER = ".celeriac"
"""The one folder that is made where it is missing, beside whatever a project keeps of its own; git does not see it."""

_APPLICATION_AT = 68
"""Where a database file says whose it is (https://www.sqlite.org/fileformat2.html#the_database_header)."""


def is_database_of(application: int, path: str) -> bool:
    """Whether there is a database of the application with this id at a path."""
    try:
        with open(path, "rb") as file:
            header = file.read(_APPLICATION_AT + 4)
    except OSError:
        return False
    return header[:6] == b"SQLite" and header[_APPLICATION_AT:] == application.to_bytes(4)


def _make_own(folder: str) -> None:
    if os.path.basename(folder) != OWN_FOLDER or os.path.isdir(folder) or not os.path.isdir(os.path.dirname(folder)):
        return
    try:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, ".gitignore"), "w") as file:
            file.write("*\n")
    except OSError as error:
        raise ImproperlyConfigured(f"the folder {folder} cannot be made: {error.strerror}") from error


def check_place(path: str) -> None:
    """Raise `ImproperlyConfigured` where a database cannot or must not be; says which and why."""
    folder = os.path.dirname(path)
    _make_own(folder)
    if not os.path.isdir(folder):
        raise ImproperlyConfigured(f"the SQLite file {path} cannot be created: there is no folder {folder}")
    if os.path.isdir(path):
        raise ImproperlyConfigured(f"the SQLite file {path} is a folder")
    try:
        with open("/proc/self/mountinfo", errors="surrogateescape") as file:
            mountinfo = file.read()
    except OSError:
        return
    kind = network_filesystem(mountinfo, os.path.realpath(folder))
    if kind:
        raise ImproperlyConfigured(
            f"the SQLite file {path} lies on a network file system ({kind}), where locks and shared memory do not"
            " hold and the file would be corrupted: put it on a local disk, or use Redis"
        )


def match_mode(path: str, database: str) -> None:
    """Give a file or folder beside the database its permissions, as SQLite does with its own files.

    Nothing happens where it belongs to somebody else, who has done so already.
    """
    status = os.stat(path)
    if status.st_uid == os.geteuid():
        mode = os.stat(database).st_mode & 0o666
        os.chmod(path, mode | (mode & 0o444) >> 2 if os.path.isdir(path) else mode)
