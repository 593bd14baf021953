"""No function beyond 100 lines, none beyond 60 without its reason, no file beyond 1,200 lines."""

import re

import c_source
from c_source import Violation

FUNCTION_EXPLAIN_LINES = 60
FUNCTION_MAX_LINES = 100
FILE_WARN_LINES = 800
FILE_MAX_LINES = 1200

REASON = re.compile(r"\blong:\s*\w+")
NOT_FUNCTIONS = {"struct", "union", "enum", "typedef", "extern"}


def blocks(code):
    """(head offset, end offset, head) of each block in braces at the top level of the file."""
    depth = 0
    head = 0
    for match in re.finditer(r"[{};]", code):
        mark = match.group()
        if mark == "{":
            depth += 1
            if depth == 1:
                before = code[head:match.start()]
                if re.search(r'\bextern\s*"\s*"\s*$', before):
                    depth = 0  # extern "C": what it holds is the top level still
                    head = match.end()
                    continue
                start = head + len(before) - len(before.lstrip())
                text = before.strip()
        elif mark == "}":
            if depth == 1:
                yield start, match.end(), text
            depth = max(depth - 1, 0)
            if depth == 0:
                head = match.end()
        elif depth == 0:
            head = match.end()


def functions(text):
    """(name, first line, last line) of each function that the text defines."""
    code = c_source.without_directives(c_source.code_only(text))
    for start, end, head in blocks(code):
        if "(" not in head or "=" in re.sub(r"\([^()]*\)", "", head):
            continue
        name = re.search(r"(\w+)\s*\(", head)
        if name is None or name.group(1) in NOT_FUNCTIONS:
            continue
        yield name.group(1), c_source.line_of(code, start), c_source.line_of(code, end - 1)


def comment_above(text, line):
    """The comment that ends on the line before `line`, or an empty text."""
    for match in c_source.TOKEN.finditer(text):
        if match.lastgroup == "comment" and c_source.line_of(text, match.end() - 1) == line - 1:
            return match.group()
    return ""


def check_functions(path, text):
    for name, first, last in functions(text):
        lines = last - first + 1
        if lines > FUNCTION_MAX_LINES:
            yield Violation(path, first, f"{name}() has {lines} lines; "
                                         f"{FUNCTION_MAX_LINES} is the most")
        elif lines > FUNCTION_EXPLAIN_LINES and not REASON.search(comment_above(text, first)):
            yield Violation(path, first, f"{name}() has {lines} lines and no comment "
                                         "/* long: reason */ directly above it")


def check(root):
    bad, warnings = [], []
    folders = ["src", "include", "tests", "tools"]
    for path in c_source.files(root, folders, (".c", ".h", ".py", ".sh")):
        if "node_modules" in path.parts:
            continue
        text = c_source.read(root, path)
        lines = text.count("\n")
        if lines > FILE_MAX_LINES:
            bad.append(Violation(path, 1, f"{lines} lines; {FILE_MAX_LINES} is the most"))
        elif lines > FILE_WARN_LINES:
            warnings.append(Violation(path, 1, f"{lines} lines; aim at 150 to 500"))
        if path.suffix in (".c", ".h"):
            bad.extend(check_functions(path, text))
    return bad, warnings
