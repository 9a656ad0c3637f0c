#!/usr/bin/env python3
"""Checks a bill of materials in CycloneDX: `check-sbom.py FILE VERSION`, with the crates that are linked, one a line, as `cargo tree`
writes them, on standard input. Each must be in it by name, version and package URL, with a licence."""
import json
import sys

path, version = sys.argv[1:]
with open(path) as file:
    bom = json.load(file)
assert bom["bomFormat"] == "CycloneDX", bom["bomFormat"]
of = bom["metadata"]["component"]
assert (of["name"], of["version"]) == ("hushwatch", version), (of["name"], of["version"])
listed = {(c["name"], c["version"]): c for c in bom["components"]}
linked = set()
for line in sys.stdin:
    # "aho-corasick v1.1.4", "serde_derive v1.0.229 (proc-macro)"
    name, number, *rest = line.split() or [None, None]
    if name and name != "hushwatch":
        linked.add((name, number.removeprefix("v")))
missing = sorted(linked - listed.keys())
assert linked and not missing, f"not in {path}: {missing}"
for key in sorted(linked):
    crate = listed[key]
    assert crate["purl"].startswith(f"pkg:cargo/{key[0]}@{key[1]}"), crate
    assert crate.get("licenses"), f"no licence: {key}"
print(f"{path}: CycloneDX {bom['specVersion']}, {len(listed)} components, all {len(linked)} crates that are linked among them")
