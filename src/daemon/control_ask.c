/* The subcommand's end of the control socket. */
#include "daemon/control.h"

#include "base/clock.h"
#include "daemon/control_int.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_TIMEOUT_MS = 120 * 1000 }; /* a check of a large database takes its time */

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static enum rc connect_to(const struct control_path *path, int fd, struct fail *fail)
{
	if (connect(fd, (const struct sockaddr *)&path->address, sizeof path->address) == 0)
		return RC_OK;
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		return RC_NOT_FOUND;
	case EACCES:
	case EPERM:
		return fail_set(fail, RC_FORBIDDEN, "the server on this data directory belongs to another user");
	case EAGAIN:
		return fail_set(fail, RC_BUSY, "the server's control socket has too many callers, try again");
	default:
		return fail_set(fail, RC_IO, "cannot reach the server: %s", strerror(errno));
	}
}

static enum rc exchange(struct arena *arena, int fd, str request, str *ret_line, struct fail *fail)
{
	int64_t deadline_ms = clock_mono_ms(&clock_system) + ANSWER_TIMEOUT_MS;
	enum rc rc = control_write_all(fd, -1, request, deadline_ms);
	if (rc == RC_OK)
		rc = control_write_all(fd, -1, STR("\n"), deadline_ms);
	if (rc == RC_OK)
		rc = control_read_line(fd, -1, arena, CONTROL_ANSWER_MAX_BYTES, deadline_ms, ret_line);
	if (rc == RC_TIMEOUT)
		return fail_set(fail, RC_BUSY, "the server did not answer in %d seconds", ANSWER_TIMEOUT_MS / 1000);
	if (rc == RC_CANCELLED)
		return fail_set(fail, rc, "the server closed the control socket without an answer");
	return rc;
}

enum rc control_ask(
    struct arena *arena, str directory, str request, json *ret_answer, struct fail *fail)
{
	struct control_path CLEANUP(control_path_release) path = {.directory_fd = -1};
	str line = STR_EMPTY;
	TRY(control_path_make(directory, &path, fail));
	int CLEANUP(close_fd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_set(fail, RC_IO, "cannot make a socket: %s", strerror(errno));
	TRY(connect_to(&path, fd, fail));
	TRY(exchange(arena, fd, request, &line, fail));
	return json_parse(arena, line, ret_answer, fail);
}
