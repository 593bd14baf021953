"""A room includes only the rooms that layers.txt gives it, and no other folder's *_int.h."""

import pathlib

import c_source
from c_source import Violation

TABLE = pathlib.Path(__file__).with_name("layers.txt")


def read_table(path=TABLE):
    """({room: set of rooms}, {header prefix: set of rooms}) of a file like layers.txt."""
    rooms, libraries = {}, {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, _, rest = line.partition(":")
        uses = rest.split()
        unknown = [room for room in uses if room not in rooms]
        if unknown:
            raise ValueError(f"{path}:{number}: {name} uses {unknown[0]}, which is not above it")
        if name.startswith("<"):
            libraries[name[1:]] = set(uses)
        else:
            rooms[name] = set(uses)
    return rooms, libraries


def room_of(path):
    """The room a file belongs to, or of which it is a unit test; None where there is none."""
    parts = path.parts
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ("tests", "unit") and len(parts) > 3:
        return parts[2]
    return None


def judge_ours(root, path, room, name, rooms):
    """What is wrong with including `name` in quotation marks, or None."""
    target = pathlib.PurePosixPath(name)
    if target.parts[0] not in rooms:
        if path.parts[0] == "tests" and any(
                (root / folder / name).is_file() for folder in (path.parent, "tests/unit")):
            return None
        return f'"{name}" names no room: write it from src/, as "{room}/..."'
    if target.parts[0] != room and target.parts[0] not in rooms[room]:
        allowed = " ".join(sorted(rooms[room])) or "nothing"
        return f"{room} may not include {target.parts[0]} (it may include: {allowed})"
    own = (pathlib.PurePosixPath("src") / target.parent, pathlib.PurePosixPath("tests/unit") / target.parts[0])
    if target.stem.endswith("_int") and path.parent not in own:
        return f'"{name}" is private to src/{target.parent}'
    return None


def check(root, table=TABLE):
    root = pathlib.Path(root)
    rooms, libraries = read_table(table)
    bad = []
    for path in c_source.files(root, ["src", "tests/unit"], (".c", ".h", ".def")):
        room = room_of(path)
        if room is None:
            continue
        if room not in rooms:
            bad.append(Violation(path, 1, f"{room} is no room of {table.name}"))
            continue
        for line, kind, name in c_source.includes(c_source.read(root, path)):
            if kind == '"':
                message = judge_ours(root, path, room, name, rooms)
            else:
                message = next((
                    f"<{name}> is for {' '.join(sorted(owners))} only"
                    for prefix, owners in libraries.items()
                    if name.startswith(prefix) and room not in owners), None)
            if message:
                bad.append(Violation(path, line, message))
    return bad, []
