#!/usr/bin/env python3
"""Holds our rules against Synapse's over rooms made at random.

usage: compare.py TOOL [--versions 1,2,…] [--events N] [--size N] [--seed S] [--jobs N] [--keep DIR] [--replay FILE]

For each room version, rooms are made until N events were judged. Compared are event ids, content hashes, redacted forms,
the auth events selection, the verdict of the auth rules by auth events and by state, and every state resolution.
A disagreement is reduced to a short room and printed; with --keep it is written to DIR as JSON that --replay reads.
"""

import argparse
import json
import multiprocessing
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from canonicaljson import encode_canonical_json  # noqa: E402
from known import explained  # noqa: E402
from rooms import Maker  # noqa: E402

VERSIONS = [str(n) for n in range(1, 13)]


class Tool:
    """graph_tool, a line for a line."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, question):
        """The answer to one room."""
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"graph_tool ended with {self.process.wait()} on {json.dumps(question)[:20000]}")
        return json.loads(line)

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()


def question(maker):
    """The room as graph_tool reads it."""
    return {
        "version": maker.room.version.identifier,
        "events": maker.room.pdus,
        "rejected": sorted(maker.room.rejected),
        "judge": [[index, state] for index, state in maker.judged],
        "resolve": [states for states, _ in maker.merges],
    }


def event_findings(maker, answer):
    """Ids, hashes, redaction, selection."""
    room = maker.room
    for index, ours in enumerate(answer["events"]):
        event = room.events[index]
        if "error" in ours:
            yield "parse", index, ours["error"], "an event"
            continue
        if ours["id"] != event.event_id:
            yield "id", index, ours["id"], event.event_id
        if ours["hash"] != room.hash_matches(index):
            yield "hash", index, ours["hash"], room.hash_matches(index)
        if encode_canonical_json(ours["redacted"]) != room.redacted(index):
            yield "redacted", index, ours["redacted"], room.redacted(index).decode()
        keys = {tuple(key) for key in ours["keys"]}
        theirs = room.keys(index)
        if theirs is not None and keys != theirs:
            yield "keys", index, sorted(keys), sorted(theirs)


def verdict_findings(maker, answer):
    """The auth rules, where Synapse has a verdict."""
    room = maker.room
    for (index, state), by_auth, by_state in zip(maker.judged, answer["auth"], answer["state"], strict=True):
        by_auth_theirs = room.allowed_by_auth_events(index)
        if room.events[index].type == "m.room.create":  # Synapse judges these without state
            if (not by_state) != by_auth_theirs:
                yield "create", index, by_state, by_auth_theirs
            continue
        if by_auth_theirs is not None and (not by_auth) != by_auth_theirs:
            yield "auth", index, by_auth, by_auth_theirs
        by_state_theirs = room.allowed_by_state(index, state)
        if by_state_theirs is not None and (not by_state) != by_state_theirs:
            yield "state", index, by_state, by_state_theirs


def resolution_findings(maker, answer):
    """State resolution."""
    for number, ((_, theirs), ours) in enumerate(zip(maker.merges, answer["resolve"], strict=True)):
        if sorted(ours) != theirs:
            yield "resolve", number, sorted(ours), theirs


def findings(maker, answer):
    """All disagreements: (kind, index, ours, theirs)."""
    if "error" in answer:
        yield "tool", 0, answer["error"], ""
        return
    yield from event_findings(maker, answer)
    yield from verdict_findings(maker, answer)
    yield from resolution_findings(maker, answer)


def describe(maker, finding):
    """A disagreement for people."""
    kind, index, ours, theirs = finding
    room = maker.room
    lines = [f"v{room.version.identifier} {kind} at {index}: ours {ours!r}, Synapse {theirs!r}"]
    if kind == "resolve":
        states = maker.merges[index][0]
        lines.append(f"  states {states}")
        shown = sorted({i for state in states for i in state})
    else:
        state = next((s for i, s in maker.judged if i == index), [])
        shown = sorted({index, *state})
    for i in shown:
        pdu = room.pdus[i]
        lines.append(f"  {i}{' rejected' if i in room.rejected else ''}: {pdu['type']} {pdu.get('state_key')!r} by "
                     f"{pdu['sender']} ts {pdu['origin_server_ts']} {json.dumps(pdu['content'])} "
                     f"auth {[room.index.get(a) for a in room.events[i].auth_event_ids()]}")
    return "\n".join(lines)


def smallest(tool, version, seed, size):
    """The first size at which the room of this seed shows a disagreement that nothing explains."""
    for smaller in range(4, size + 1):
        maker = Maker(version, seed, smaller).make()
        left = [f for f in findings(maker, tool.ask(question(maker))) if not explained(maker, f)]
        if left:
            return maker, left
    return None, []


def work(job):
    """One share: (counts, texts of disagreements)."""
    path, version, first_seed, events, size, keep = job
    tool = Tool(path)
    counts = {"rooms": 0, "events": 0, "resolutions": 0, "explained": 0, "unexplained": 0}
    texts, seed = [], first_seed
    while counts["events"] < events:
        maker = Maker(version, seed, size).make()
        counts["rooms"] += 1
        counts["events"] += len(maker.after)
        counts["resolutions"] += len(maker.merges)
        unexplained = []
        for finding in findings(maker, tool.ask(question(maker))):
            if explained(maker, finding):
                counts["explained"] += 1
            else:
                unexplained.append(finding)
        counts["unexplained"] += len(unexplained)
        if unexplained and len(texts) < 3:
            small, left = smallest(tool, version, seed, size)
            texts.append(f"seed {seed}\n" + describe(small or maker, (left or unexplained)[0]))
            if keep:
                name = pathlib.Path(keep) / f"v{version}-{seed}.json"
                name.write_text(json.dumps(question(small or maker), indent=1), encoding="utf-8")
        seed += 1
    tool.close()
    return version, counts, texts


def shares(args):
    """Jobs: each version in as many shares as there are processes, so that all are busy."""
    for version in args.versions.split(","):
        for share in range(args.jobs):
            yield (args.tool, version, args.seed * 1_000_000 + share * 100_000, -(-args.events // args.jobs), args.size,
                   args.keep)


def compare(args):
    """Runs all; 1 when something is unexplained."""
    totals, began = {}, time.monotonic()
    with multiprocessing.Pool(args.jobs) as pool:
        for version, counts, texts in pool.imap(work, shares(args)):
            total = totals.setdefault(version, dict.fromkeys(counts, 0))
            for name, count in counts.items():
                total[name] += count
            for text in texts:
                print(text, flush=True)
            if args.verbose:
                print(f"v{version}: {total}", file=sys.stderr, flush=True)
    print("version\trooms\tevents\tresolutions\texplained\tunexplained")
    for version, total in totals.items():
        print("\t".join([version, *(str(total[n]) for n in ("rooms", "events", "resolutions", "explained", "unexplained"))]))
    print(f"{time.monotonic() - began:.0f} s")
    return int(any(total["unexplained"] for total in totals.values()))


def replay(args):
    """Prints what graph_tool says of a kept room."""
    tool = Tool(args.tool)
    print(json.dumps(tool.ask(json.loads(pathlib.Path(args.replay).read_text(encoding="utf-8"))), indent=1))
    tool.close()
    return 0


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", help="the program graph_tool")
    parser.add_argument("--versions", default=",".join(VERSIONS))
    parser.add_argument("--events", type=int, default=2000, help="events for each version (default 2000)")
    parser.add_argument("--size", type=int, default=60, help="events in a room (default 60)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", help="directory for rooms of disagreements")
    parser.add_argument("--replay", help="a kept room")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    return replay(args) if args.replay else compare(args)


if __name__ == "__main__":
    sys.exit(main())
