"""Points the estate's ProxmoxCluster at a real Proxmox VE: endpoint, pinned certificate and mode.

Reads what `kubectl apply --dry-run=client -o json` prints and writes it back.
usage: real_pve.py ENDPOINT FINGERPRINT MODE
"""

import json
import sys


def main() -> None:
    endpoint, fingerprint, mode = sys.argv[1:]
    if mode not in ("Observe", "Enforce"):
        sys.exit(f"demo: ZENTORIA_DEMO_MODE is {mode!r}; it can be Observe or Enforce")
    objects = json.load(sys.stdin)
    for item in objects.get("items", [objects]):
        item.get("metadata", {}).pop("annotations", None)
        if item["kind"] == "ProxmoxCluster":
            item["spec"].update(endpoints=[endpoint], tls={"fingerprintSha256": fingerprint}, mode=mode)
    json.dump(objects, sys.stdout)


main()
