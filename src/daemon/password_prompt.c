#include "daemon/password_prompt.h"

#include "codec/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { KEY_INTERRUPT = 3, KEY_END = 4, KEY_BACKSPACE = 8, KEY_KILL_LINE = 21, KEY_DELETE = 127 };

static void close_fd(const int *fd)
{
	if (*fd > STDERR_FILENO)
		close(*fd);
}

static enum rc check_line(str line, str path, struct fail *fail)
{
	if (!line.n)
		return fail_set(fail, RC_INVALID_PARAM, "the password in %.*s is empty", STR_ARG(path));
	if (memchr(line.p, '\0', line.n) || !utf8_valid(line))
		return fail_set(fail, RC_INVALID_PARAM, "the password in %.*s is not UTF-8 text", STR_ARG(path));
	return RC_OK;
}

/* Reads up to the first newline or the end; RC_TOO_LARGE when neither comes. */
static enum rc read_line(int fd, char line[PASSWORD_LINE_MAX_BYTES], str *ret_line)
{
	size_t used = 0;
	while (used < PASSWORD_LINE_MAX_BYTES) {
		ssize_t n = read(fd, line + used, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return RC_IO;
		if (n == 0 || line[used] == '\n') {
			used -= used && line[used - 1] == '\r';
			*ret_line = str_bytes(line, used);
			return RC_OK;
		}
		used++;
	}
	return RC_TOO_LARGE;
}

enum rc password_from_file(struct arena *arena, str path, str *ret_password, struct fail *fail)
{
	char line[PASSWORD_LINE_MAX_BYTES];
	str text = STR_EMPTY;
	bool standard = str_eq(path, STR("-"));
	str shown = standard ? STR("standard input") : str_first(path, 100);
	char *name = arena_cstr(arena, path);
	TRY(arena_status(arena));
	int CLEANUP(close_fd) fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_set(fail, errno == ENOENT ? RC_NOT_FOUND : errno == EACCES ? RC_FORBIDDEN : RC_IO,
		                "cannot read the password from %.*s: %s", STR_ARG(shown), strerror(errno));
	enum rc rc = read_line(fd, line, &text);
	if (rc == RC_IO)
		rc = fail_set(fail, rc, "cannot read the password from %.*s: %s", STR_ARG(shown), strerror(errno));
	else if (rc == RC_TOO_LARGE)
		rc = fail_set(fail, RC_INVALID_PARAM, "the password in %.*s is too long", STR_ARG(shown));
	else
		rc = check_line(text, shown, fail);
	if (rc == RC_OK) {
		*ret_password = arena_dup(arena, text);
		rc = arena_status(arena);
	}
	explicit_bzero(line, sizeof line);
	return rc;
}

static void say(int fd, const char *words)
{
	if (write(fd, words, strlen(words)) < 0)
		return; /* the terminal is gone: the next read tells */
}

/* Back to the start of the last character, not into it. */
static size_t without_last(const char *line, size_t used)
{
	while (used && ((unsigned char)line[--used] & 0xc0) == 0x80)
		;
	return used;
}

/* The keys are read one by one, so that Ctrl-C is ours and the terminal is put right again. */
static enum rc read_keys(int fd, char line[PASSWORD_LINE_MAX_BYTES], size_t *ret_used)
{
	size_t used = 0;
	for (;;) {
		char key;
		ssize_t n = read(fd, &key, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || key == KEY_INTERRUPT || (key == KEY_END && !used))
			return RC_CANCELLED;
		if (key == '\r' || key == '\n' || key == KEY_END)
			break;
		if (key == KEY_BACKSPACE || key == KEY_DELETE)
			used = without_last(line, used);
		else if (key == KEY_KILL_LINE)
			used = 0;
		else if (used < PASSWORD_LINE_MAX_BYTES)
			line[used++] = key;
	}
	*ret_used = used;
	return RC_OK;
}

static enum rc ask_once(int fd, const char *question, struct arena *arena, str *ret_password)
{
	char line[PASSWORD_LINE_MAX_BYTES];
	size_t used = 0;
	struct termios before, silent;
	if (tcgetattr(fd, &before) != 0)
		return RC_IO;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG);
	silent.c_cc[VMIN] = 1;
	silent.c_cc[VTIME] = 0;
	if (tcsetattr(fd, TCSAFLUSH, &silent) != 0)
		return RC_IO;
	say(fd, question);
	enum rc rc = read_keys(fd, line, &used);
	say(fd, "\n");
	tcsetattr(fd, TCSAFLUSH, &before);
	if (rc == RC_OK) {
		*ret_password = arena_dup(arena, str_bytes(line, used));
		rc = arena_status(arena);
	}
	explicit_bzero(line, sizeof line);
	return rc;
}

enum rc password_from_terminal(struct arena *arena, str whose, str *ret_password, struct fail *fail)
{
	str first, second;
	int CLEANUP(close_fd) fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail_set(fail, RC_INVALID_PARAM,
		                "there is no terminal to ask for the password: use --password-file FILE, or - for standard input");
	str question = arena_printf(arena, "Password for %.*s: ", STR_ARG(str_first(whose, 100)));
	TRY(arena_status(arena));
	enum rc rc = ask_once(fd, question.p, arena, &first);
	if (rc == RC_OK)
		rc = ask_once(fd, "The same again: ", arena, &second);
	if (rc == RC_CANCELLED)
		return fail_set(fail, rc, "cancelled");
	TRY(rc);
	if (!str_eq(first, second))
		return fail_set(fail, RC_INVALID_PARAM, "the two passwords differ");
	TRY(check_line(first, STR("the terminal"), fail));
	*ret_password = first;
	return RC_OK;
}
