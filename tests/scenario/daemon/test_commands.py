"""The command line: help, usage errors, settings, and servers that get in each other's way."""

import re
import socket
import subprocess

import pytest

from harness.server import ROOT, binary, free_port

COMMANDS = ["serve", "user add", "user list", "user reset-password", "user promote", "user demote",
            "user deactivate", "deactivation list", "deactivation show", "check"]


def test_help_names_every_command_and_fits_a_terminal(exeunt):
    help_text = exeunt("--help").ok().out
    for command in COMMANDS:
        assert re.search(rf"^  {command}\b", help_text, re.MULTILINE), command
    assert "usage: exeunt" in help_text and "First steps" in help_text
    assert max(map(len, help_text.splitlines())) <= 100


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(exeunt, command):
    text = exeunt(*command.split(), "--help").ok().out
    assert f"usage: exeunt {command}" in text and "--data DIR" in text
    assert max(map(len, text.splitlines())) <= 110
    version = exeunt(*command.split(), "--version").ok().out
    assert re.fullmatch(r"exeunt \d+\.\d+\.\d+\n", version)


def test_groups_explain_themselves(exeunt):
    assert "user add NAME" in exeunt("user", "--help").ok().out
    exeunt("user").expect(2, "user add NAME")
    exeunt().expect(2, "usage: exeunt COMMAND")


@pytest.mark.parametrize("line, part", [
    (["bogus"], "there is no command 'bogus'"),
    (["user", "bogus"], "there is no command 'user bogus'"),
    (["user", "add"], "NAME is missing"),
    (["user", "list", "more"], "one argument too many: 'more'"),
    (["user", "list", "--erase"], "it takes no option --erase"),
    (["serve", "--json"], "it takes no option --json"),
    (["serve", "--bogus"], "there is no option --bogus"),
    (["serve", "--data"], "--data needs a value"),
    (["serve", "--set", "server.nam=x"], "there is no setting server.nam"),
    (["serve", "--listen", ""], "is empty"),
])
def test_a_wrong_command_line_is_status_2(exeunt, line, part):
    result = exeunt(*line).expect(2, part, "--help")
    assert result.out == ""


@pytest.mark.parametrize("words", [["--listen", "localhost:80"], ["--server-name", "a b"],
                                   ["--listen", "1.2.3.4"], ["--config", "/nonexistent"]])
def test_settings_that_cannot_work_are_status_1(exeunt, words, tmp_path):
    exeunt("serve", "--data", "never", *words).expect(1, "exeunt serve: ")
    assert not (tmp_path / "never").exists()


def test_a_wrong_fault_point_is_told(exeunt):
    exeunt("check", env={"EXEUNT_FAULT": "nonsense"}).expect(2, "EXEUNT_FAULT")


def test_the_example_is_in_step(exeunt):
    example = (ROOT / "exeunt.example.yaml").read_text(encoding="utf-8")
    assert exeunt("check", "--example").ok().out == example, \
        "make it anew: build/exeunt check --example > exeunt.example.yaml"


def test_the_example_can_be_used_as_it_is(exeunt, tmp_path):
    (tmp_path / "c.yaml").write_text(exeunt("check", "--example").out)
    exeunt("check", "--config", "c.yaml", "--data", "none").ok("configuration is in order", "no data yet")


def test_check_tells_file_and_line(exeunt, tmp_path):
    (tmp_path / "c.yaml").write_text("server:\n  name: example.org\nhttp:\n  loop_threads: many\n")
    exeunt("check", "--config", "c.yaml").expect(1, "c.yaml:4: http.loop_threads takes a number")


def test_every_command_but_add_needs_data(exeunt, tmp_path):
    for command in (["user", "list"], ["user", "promote", "a"], ["user", "deactivate", "a"],
                    ["deactivation", "list"], ["deactivation", "show", "a"]):
        exeunt(*command, on=tmp_path / "none").expect(1, "there is no data in", "exeunt serve")
    assert not (tmp_path / "none").exists()


def test_add_before_the_first_start(exeunt, tmp_path):
    data = tmp_path / "new"
    exeunt("user", "add", "first", "--password-file", "-", on=data, stdin="password\n").ok("@first:localhost")
    assert data.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in data.iterdir())
    exeunt("check", on=data).ok("The data is in order.")


def test_a_password_is_asked_for_on_a_terminal_only(exeunt, tmp_path):
    exeunt("user", "add", "a", on=tmp_path / "d", start_new_session=True).expect(
        1, "there is no terminal", "--password-file")


def test_data_of_another_server_name_are_refused(exeunt, make_server):
    server = make_server(name="example.org")
    server.stop()
    exeunt("user", "list", *server.at()).expect(
        1, "belong to the server example.org, not localhost", "--server-name example.org")


def test_beside_a_server_its_name_counts(exeunt, make_server):
    server = make_server(name="example.org")
    assert exeunt("user", "add", "a", "--password-file", "-", "--data", str(server.data),
                  stdin="password\n").ok().out == "@a:example.org\n"


def test_a_second_server_on_the_same_data_is_refused(exeunt, server):
    exeunt("serve", "--listen", f"127.0.0.1:{free_port()}", on=server).expect(
        1, "exeunt serve: ", "nother exeunt", str(server.data))
    assert server.is_alive()


def test_a_port_in_use_is_told(exeunt, server, tmp_path):
    exeunt("serve", "--listen", f"127.0.0.1:{server.port}", on=tmp_path / "other").expect(
        1, f"127.0.0.1 port {server.port}", "in use")


def test_a_directory_that_cannot_be_made_is_told(exeunt, tmp_path):
    (tmp_path / "file").write_text("")
    exeunt("serve", on=tmp_path / "file" / "data").expect(1, "cannot make the data directory")
    exeunt("serve", on="/proc/exeunt").expect(1, "cannot make the data directory")


def test_a_damaged_signing_key_is_told_and_kept(exeunt, make_server):
    server = make_server()
    server.stop()
    key = server.data / "signing.key"
    key.write_text("damaged\n")
    exeunt("check", on=server).expect(1, "signing.key is no signing key")
    exeunt("serve", on=server).expect(1, "signing.key is no signing key")
    assert key.read_text() == "damaged\n"


def test_a_full_standard_output_is_a_failure(server):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([binary(), "user", "list", *server.at()], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1 and "standard output" in done.stderr


def test_the_service_manager_is_told(make_server, tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(10)
        server = make_server(env={"NOTIFY_SOCKET": str(path)})
        assert notify.recv(4096) == b"READY=1"
        server.stop()
        assert notify.recv(4096) == b"STOPPING=1"
        server.start()


def test_man_pages_name_every_command_and_option():
    page = (ROOT / "docs" / "man" / "exeunt.1").read_text(encoding="utf-8").replace("\\-", "-")
    for command in COMMANDS:
        assert command in page, command
    for option in ("--config", "--data", "--listen", "--server-name", "--set", "--json", "--admin", "--erase",
                   "--rooms", "--password-file", "--example", "--help", "--version"):
        assert option in page, option
    settings = (ROOT / "docs" / "man" / "exeunt.yaml.5").read_text(encoding="utf-8")
    rows = re.findall(r"^SETTING_\w+\((\w+), (\w+),",
                      (ROOT / "src" / "daemon" / "settings.def").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows
    for section, name in rows:
        assert f"{section}.{name}" in settings, f"{section}.{name}"
