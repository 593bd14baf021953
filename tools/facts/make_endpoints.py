#!/usr/bin/env python3
"""Print the table of facts about every endpoint of the Matrix specification.

    tools/facts/make_endpoints.py SPEC_DIR > tests/facts/endpoints.tsv

SPEC_DIR is a checkout of the specification: the directory that holds data/api. It is needed only
to make the table anew; building and testing use the committed table.

Columns: family, operationId, method, path, auth, rate_limited, deprecated, since.
auth is none, required, optional, server (a signed request between servers) or appservice (the
token of an application service, given by it or to it). since is the version that added the
operation, or "-" where the specification names none.
"""

import pathlib
import sys

import yaml

FAMILIES = ("client-server", "server-server", "application-service")
METHODS = ("get", "put", "post", "delete", "patch", "head")
COLUMNS = ("family", "operationId", "method", "path", "auth", "rate_limited", "deprecated", "since")

# OpenAPI security scheme to the word in the table.
SCHEMES = {
    "accessTokenBearer": "required",
    "accessTokenQuery": "required",
    "appserviceAccessTokenBearer": "appservice",
    "appserviceAccessTokenQuery": "appservice",
    "homeserverAccessToken": "appservice",
    "homeserverAccessTokenBearer": "appservice",
    "homeserverAccessTokenQuery": "appservice",
    "signedRequest": "server",
}

# What the data says against the text beside it: a summary of a room is for users, and may be for those without a token.
CORRECTIONS = {("client-server", "getRoomSummary"): "optional"}

# A scheme that each family takes for its own usual one.
OWN_SCHEME = {"client-server": "required", "server-server": "server"}


def auth_of(family, operation, default, where):
    """The `security` list holds alternatives; an empty one makes the others optional."""
    if (family, operation["operationId"]) in CORRECTIONS:
        return CORRECTIONS[family, operation["operationId"]]
    words = set()
    anonymous = False
    for alternative in operation.get("security", default):
        anonymous = anonymous or not alternative
        for scheme in alternative:
            word = OWN_SCHEME.get(family) if scheme == "accessToken" else SCHEMES.get(scheme)
            if word is None:
                raise SystemExit(f"{where}: unknown security scheme {scheme}")
            words.add(word)
    if not words:
        return "none"
    if anonymous:
        return "optional"
    # "required" already says that a user's token will do; a service's own token is narrower.
    return "required" if "required" in words else words.pop()


def rows_of(family, path):
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "paths" not in document:
        return
    base = document["servers"][0]["variables"]["basePath"]["default"].rstrip("/")
    for route, item in document["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            yield {
                "family": family,
                "operationId": operation["operationId"],
                "method": method.upper(),
                # A blank at the end tells apart two operations of one path; it is no part of the path.
                "path": base + route.rstrip(),
                "auth": auth_of(family, operation, document.get("security", []),
                                f"{path.name} {route}"),
                "rate_limited": "yes" if "429" in operation["responses"] else "no",
                "deprecated": "yes" if operation.get("deprecated") else "no",
                "since": operation.get("x-addedInMatrixVersion",
                                       item.get("x-addedInMatrixVersion", "-")),
            }


def main(argv):
    if len(argv) != 2:
        raise SystemExit("usage: make_endpoints.py SPEC_DIR > endpoints.tsv")
    api = pathlib.Path(argv[1]) / "data" / "api"
    if not api.is_dir():
        raise SystemExit(f"{api}: no such directory")
    print("\t".join(COLUMNS))
    for family in FAMILIES:
        rows = [r for f in sorted((api / family).glob("*.yaml")) for r in rows_of(family, f)]
        rows.sort(key=lambda r: (r["path"], r["method"]))
        seen = set()
        for row in rows:
            if row["operationId"] in seen:
                raise SystemExit(f"{family}: operationId {row['operationId']} stands twice")
            seen.add(row["operationId"])
            print("\t".join(row[c] for c in COLUMNS))


if __name__ == "__main__":
    main(sys.argv)
