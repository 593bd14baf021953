#!/usr/bin/env python3
"""Print what the Matrix specification says of the shape of each answer of the Client-Server API.

    tools/facts/make_answers.py SPEC_DIR > tests/facts/answers.json

SPEC_DIR is a checkout of the specification: the directory that holds data/api. It is needed only
to make the facts anew; testing uses the committed file.

The output is one JSON Schema: under "operations" the schema of each operationId and status that has
a JSON body; under "$defs" what these refer to, a definition for each file or part of one. Only
the words that constrain a value are kept.
"""

import json
import pathlib
import sys

import yaml

METHODS = ("get", "put", "post", "delete", "patch", "head")
KEPT = ("type", "enum", "required")


class Facts:
    def __init__(self):
        self.documents, self.definitions = {}, {}

    def document(self, path):
        if path not in self.documents:
            self.documents[path] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return self.documents[path]

    def target(self, reference, path):
        """The file of a reference, and the part of it that is meant."""
        name, _, part = reference.partition("#")
        target = (path.parent / name).resolve() if name else path
        node = self.document(target)
        for step in filter(None, part.split("/")):
            node = node[step.replace("~1", "/").replace("~0", "~")]
        return node, target, f"{target.parent.name}/{target.stem}{part.replace('/', '.')}"

    def reference(self, reference, path):
        node, target, name = self.target(reference, path)
        if name not in self.definitions:
            self.definitions[name] = {}  # before it is read: definitions may refer to themselves
            self.definitions[name] = self.schema(node, target)
        return {"$ref": f"#/$defs/{name.replace('/', '~1')}"}

    def schema(self, node, path):
        if not isinstance(node, dict):
            return node
        kept = {word: node[word] for word in KEPT if word in node}
        if "$ref" in node:
            kept.setdefault("allOf", []).append(self.reference(node["$ref"], path))
        # The alternatives of the specification overlap: what is "one of" there is "any of" here.
        for word, here in (("allOf", "allOf"), ("oneOf", "anyOf"), ("anyOf", "anyOf")):
            if word in node:
                kept.setdefault(here, []).extend(self.schema(part, path) for part in node[word])
        for word in ("properties", "patternProperties"):
            if word in node:
                kept[word] = {name: self.schema(part, path) for name, part in node[word].items()}
        for word in ("items", "additionalProperties"):
            if word in node:
                kept[word] = self.schema(node[word], path)
        return kept


def json_schema_of(response, facts, path):
    """None: no JSON body."""
    if "$ref" in response:
        node, target, _ = facts.target(response["$ref"], path)
        return json_schema_of(node, facts, target)
    body = response.get("content", {}).get("application/json", {})
    return facts.schema(body["schema"], path) if "schema" in body else None


def main(argv):
    if len(argv) != 2:
        raise SystemExit("usage: make_answers.py SPEC_DIR > answers.json")
    folder = pathlib.Path(argv[1]).resolve() / "data" / "api" / "client-server"
    facts, operations = Facts(), {}
    for path in sorted(folder.glob("*.yaml")):
        for item in facts.document(path).get("paths", {}).values():
            for operation in (item[method] for method in METHODS if method in item):
                answers = {status: json_schema_of(response, facts, path)
                           for status, response in operation["responses"].items()}
                operations[operation["operationId"]] = {s: a for s, a in answers.items() if a is not None}
    json.dump({"$defs": dict(sorted(facts.definitions.items())), "operations": dict(sorted(operations.items()))},
              sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main(sys.argv)
