"""What the tests use and Debian brings: where it is, and how it comes.

python tools/debian.py chromium qemu-user    installs what is missing where it may, or says why not
"""

import os
import shutil
import subprocess
import sys

# By package, the names of its program, of which any will do; and what is tested with it.
PROGRAMS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "qemu-user": ("qemu-x86_64",),
}
TESTS = {"chromium": "browser tests", "qemu-user": "tests on another processor"}
APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0")


def find(package: str) -> str | None:
    """Return the path of a package's program, or None if there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS[package])), None)


def obstacle() -> str:
    """Return why nothing can be installed here; empty if it may be tried."""
    if not shutil.which("apt-get"):
        return "there is no apt-get to install it with"
    if not is_root() and run("true").returncode:
        return "only root, or sudo without a password, may install it"
    return ""


def install(package: str) -> str:
    """Install a package if its program is missing; return why that failed, empty if it did not."""
    if find(package):
        return ""
    if why := obstacle():
        return why
    print(f"installing {package} for the {TESTS[package]} (a minute, once) …", flush=True)
    command = (*APT, "install", "-y", "--no-install-recommends", package)
    # A machine that has never listed Debian's packages knows none; an old list names files that
    # are gone.
    if run(*command).returncode:
        run(*APT, "update")
        done = run(*command)
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
            return f"apt-get could not install it: {said[-1]}"
    return "" if find(package) else "its package brought none of them"


def missing(package: str, why: str = "") -> str:
    """Return in a sentence that a package's program is not there."""
    *names, last = PROGRAMS[package]
    expected = f"{', '.join(names)} or {last}" if names else last
    why = why or obstacle() or f"python tools/debian.py {package} installs it, or says why not"
    return f"expected {expected} on the PATH, found none; {why}."


def required() -> bool:
    """Return whether this is a CI run, which must not pass without these tests."""
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


def main(packages: list[str]) -> int:
    """Run the command line."""
    failed = {package: why for package in packages if (why := install(package))}
    for package, why in failed.items():
        outcome = "cannot run" if required() else "are skipped"
        print(f"{TESTS[package]} {outcome}: {missing(package, why)}", file=sys.stderr)
    return int(bool(failed) and required())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
