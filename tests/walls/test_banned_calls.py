import pytest

import banned_calls


@pytest.fixture
def exceptions(tmp_path):
    file = tmp_path / "banned_exceptions.txt"
    file.write_text("# none\n")
    return file


@pytest.mark.parametrize("path, line", [
    ("src/net/a.c", "strcpy(a, b);"),
    ("src/net/a.c", "n = atoi (text);"),
    ("src/base/a.c", "sprintf(a, b);"),
    ("src/net/a.h", "static inline void f(void *p) { free(p); }"),
    ("src/net/a.c", "x->release = free;"),
    ("src/net/a.c", "now = time(NULL);"),
    ("src/base/log.c", "clock_gettime(CLOCK_REALTIME, &now);"),
    ("src/core/a.c", "getenv(name);"),
    ("src/net/a.c", "pthread_mutex_lock(&mu);"),
    ("src/net/a.c", "pthread_cond_wait(&c, &mu);"),
    ("src/net/a.c", 'printf("x");'),
    ("src/net/a.c", 'fprintf(stdout, "x");'),
    ("src/net/a.c", "return rand();"),
    ("src/api/rows.def", "ROW(malloc(1))"),
])
def test_bad(tree, exceptions, path, line):
    tree.write(path, f"/* strcpy(a, b) */\n{line}\n")
    assert tree.found(banned_calls, exceptions=exceptions) == [(path, 2)]


@pytest.mark.parametrize("path, line", [
    ("src/base/arena.c", "p = malloc(n); free(p);"),
    ("src/base/clock.c", "clock_gettime(CLOCK_MONOTONIC, &now);"),
    ("src/daemon/main.c", 'printf("%s", getenv("HOME"));'),
    ("src/net/a.c", "snprintf(a, n, b);"),
    ("src/net/a.c", 'log("call strcpy(a, b)");'),
    ("src/net/a.c", "x->free(x); y.time(1);"),
    ("src/net/a.c", "void (*free)(void *);"),
    ("src/net/a.c", "my_free(p); str_time(p); free_all(p);"),
    ("src/net/a.c", "int64_t time = 0; /* a name, not the call */"),
    ("src/net/a.c", 'fprintf(stderr, "x");'),
    ("tests/unit/net/test_a.c", "free(p);"),
])
def test_good(tree, exceptions, path, line):
    tree.write(path, line + "\n")
    assert tree.found(banned_calls, exceptions=exceptions) == []


def test_an_exception_allows_one_name_in_one_file(tree, exceptions):
    exceptions.write_text("src/net/a.c free the library gives us memory of malloc\n")
    tree.write("src/net/a.c", "free(p);\nmalloc(1);\n").write("src/net/b.c", "free(p);\n")
    assert tree.found(banned_calls, exceptions=exceptions) == [
        ("src/net/a.c", 2), ("src/net/b.c", 1)]


def test_an_exception_that_nobody_needs_is_refused(tree, exceptions):
    exceptions.write_text("# one\nsrc/net/a.c free why\n")
    tree.write("src/net/a.c", "x();\n")
    assert tree.found(banned_calls, exceptions=exceptions) == [("banned_exceptions.txt", 2)]


def test_an_exception_needs_a_reason(tree, exceptions):
    exceptions.write_text("src/net/a.c free\n")
    with pytest.raises(ValueError, match="a reason"):
        tree.found(banned_calls, exceptions=exceptions)
