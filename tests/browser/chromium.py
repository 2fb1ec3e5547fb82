"""Chromium for the browser tests: where it is, and how Debian brings it.

python tests/browser/chromium.py    installs it where it may, or says why not
"""

import os
import shutil
import subprocess
import sys

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0")
INSTALL = (*APT, "install", "-y", "--no-install-recommends", "chromium")


def find() -> str | None:
    """Return the path of a Chromium, or None if there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def obstacle() -> str:
    """Return why Chromium cannot be installed here; empty if it may be tried."""
    if not shutil.which("apt-get"):
        return "there is no apt-get to install it with"
    if not is_root() and run("true").returncode:
        return "only root, or sudo without a password, may install it"
    return ""


def install() -> str:
    """Install Chromium if there is none; return why that failed, empty if it did not."""
    if find():
        return ""
    if why := obstacle():
        return why
    print("installing Chromium for the browser tests (a minute, once) …", flush=True)
    # A machine that has never listed Debian's packages knows none; an old list names files that
    # are gone.
    if run(*INSTALL).returncode:
        run(*APT, "update")
        done = run(*INSTALL)
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
            return f"apt-get could not install it: {said[-1]}"
    return "" if find() else "its package brought none of them"


def missing(why: str) -> str:
    """Return in a sentence that there is no Chromium."""
    return f"expected {', '.join(PROGRAMS[:-1])} or {PROGRAMS[-1]} on the PATH, found none; {why}."


def required() -> bool:
    """Return whether this is a CI run, which must not pass without a browser."""
    return os.environ.get("CI", "").lower() == "true"


def is_root() -> bool:
    """Return whether this process may install packages, and Chromium needs leave to run in it."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def run(*command: str) -> subprocess.CompletedProcess:
    """Run a command as root, without questions."""
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    before = environment if is_root() else ["sudo", "-n", *environment]
    try:
        return subprocess.run([*before, *command], capture_output=True, text=True)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def main() -> int:
    """Run the command line."""
    why = install()
    if why:
        outcome = "cannot run" if required() else "are skipped"
        print(f"browser tests {outcome}: {missing(why)}", file=sys.stderr)
    return int(bool(why) and required())


if __name__ == "__main__":
    sys.exit(main())
