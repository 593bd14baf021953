/*
 * The socket's address, and lines over it with a deadline: both ends of the control socket use
 * these.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "daemon/control_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_NAME "control.sock"

enum { READ_BYTES = 16 * 1024, DIRECTORY_MAX_BYTES = 4096 };

enum rc control_path_make(str directory, struct control_path *ret_path, struct fail *fail)
{
	struct control_path path = {.address.sun_family = AF_UNIX, .directory_fd = -1};
	char *text = path.address.sun_path;
	size_t size = sizeof path.address.sun_path;
	int n = snprintf(text, size, "%.*s/" SOCKET_NAME, STR_ARG(directory));
	if (n < 0 || (size_t)n >= size) {
		char name[DIRECTORY_MAX_BYTES + 1];
		snprintf(name, sizeof name, "%.*s", STR_ARG(directory));
		path.directory_fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (path.directory_fd < 0)
			return fail_set(fail, errno == ENOENT ? RC_NOT_FOUND : RC_IO,
			                "cannot open the data directory: %s", strerror(errno));
		snprintf(text, size, "/proc/self/fd/%d/" SOCKET_NAME, path.directory_fd);
	}
	*ret_path = path;
	return RC_OK;
}

void control_path_release(struct control_path *path)
{
	if (path->directory_fd >= 0)
		close(path->directory_fd);
	path->directory_fd = -1;
}

static enum rc wait_for(int fd, short events, int stop_fd, int64_t deadline_mono_ms)
{
	for (;;) {
		int64_t left_ms = deadline_mono_ms - clock_mono_ms(&clock_system);
		struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = stop_fd, .events = POLLIN}};
		if (left_ms <= 0)
			return RC_TIMEOUT;
		int n = poll(fds, COUNT_OF(fds), left_ms < INT32_MAX ? (int)left_ms : INT32_MAX);
		if (n < 0 && errno != EINTR)
			return RC_IO;
		if (n > 0 && fds[1].revents)
			return RC_STOPPING;
		if (n > 0)
			return RC_OK;
	}
}

enum rc control_read_line(int fd, int stop_fd, struct arena *arena, size_t max_bytes, int64_t deadline_mono_ms,
                          str *ret_line)
{
	struct buf line;
	buf_init(&line, arena, max_bytes + READ_BYTES);
	for (;;) {
		TRY(wait_for(fd, POLLIN, stop_fd, deadline_mono_ms));
		char *place = buf_reserve(&line, READ_BYTES);
		TRY(buf_status(&line));
		ssize_t n = recv(fd, place, READ_BYTES, 0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return n == 0 || errno == ECONNRESET ? RC_CANCELLED : RC_IO;
		size_t end = str_find(str_bytes(place, (size_t)n), '\n');
		buf_advance(&line, end);
		if (line.n > max_bytes)
			return RC_TOO_LARGE;
		if (end < (size_t)n) {
			*ret_line = buf_str(&line);
			return RC_OK;
		}
	}
}

enum rc control_write_all(int fd, int stop_fd, str text, int64_t deadline_mono_ms)
{
	while (text.n) {
		ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);
		if (n >= 0) {
			text = str_from(text, (size_t)n);
			continue;
		}
		if (errno == EAGAIN)
			TRY(wait_for(fd, POLLOUT, stop_fd, deadline_mono_ms));
		else if (errno != EINTR)
			return errno == EPIPE || errno == ECONNRESET ? RC_CANCELLED : RC_IO;
	}
	return RC_OK;
}
