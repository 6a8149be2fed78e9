"""Query the advisory service (OSV) whether what the layer brings has known weaknesses; run by `make scan`.

Exit status: 0 none known, or the service cannot be reached (reported; a failure with --must-ask); 1 otherwise.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

SERVICE = "https://api.osv.dev/"
REQUIREMENTS = ("layers/asrcore/requirements.txt", "layers/media/requirements.txt")
CONNECT_S = 10
AUDIT_S = 300


def main() -> int:
    """Query the service if it can be reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--must-ask", action="store_true", help="fail when the advisory service cannot be reached")
    options = parser.parse_args()
    if not _is_reachable():
        sys.stderr.write(
            f"the advisory service cannot be reached from here: {', '.join(REQUIREMENTS)} were not audited\n"
        )
        return int(options.must_ask)
    command = ["--vulnerability-service", "osv", "--require-hashes", "--disable-pip", "--strict"]
    command += [word for each in REQUIREMENTS for word in ("-r", each)]
    audit = Path(sys.executable).parent / "pip-audit"
    return subprocess.run([audit, *command], check=False, timeout=AUDIT_S).returncode  # noqa: S603 - our own words


def _is_reachable() -> bool:
    try:
        urlopen(SERVICE, timeout=CONNECT_S).close()  # nosec B310 - the address above
    except URLError as error:
        # Any HTTP answer shows that the service can be reached.
        return getattr(error, "code", None) is not None
    return True


if __name__ == "__main__":
    sys.exit(main())
