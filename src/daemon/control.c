#include "daemon/control.h"

#include "base/clock.h"
#include "base/heap.h"
#include "base/lock.h"
#include "base/log.h"
#include "daemon/control_int.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BACKLOG = 16,
	CONNECTION_TIMEOUT_MS = 5000, /* for the request to arrive and for the answer to be taken */
	ACCEPT_PAUSE_MS = 100,        /* after an accept(2) that failed: no descriptor left */
};

struct control {
	struct house *house;
	struct control_path path;
	int listen_fd;
	int stop_fd; /* an eventfd: readable once the thread has to end */
	thread thread;
	bool started;
};

/* Only the owner of the process and root may command it, whatever the mode of the directory. */
static bool peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static void put_failure(struct buf *out, enum rc rc, const struct fail *fail)
{
	buf_put(out, STR("{\"ok\":false,\"code\":"));
	json_put_text(out, str_of(rc_name(rc)));
	buf_put(out, STR(",\"errcode\":"));
	json_put_text(out, str_of(rc_errcode(rc)));
	buf_put(out, STR(",\"error\":"));
	json_put_text(out, str_of(fail_message(fail)));
	buf_put(out, STR("}"));
}

enum rc control_answer(struct house *house, struct arena *arena, str line, str *ret_answer)
{
	struct fail fail = {0};
	struct buf answer;
	json request = NULL;
	buf_init(&answer, arena, CONTROL_ANSWER_MAX_BYTES);
	buf_put(&answer, STR("{\"ok\":true,\"result\":"));
	enum rc rc = json_parse(arena, line, &request, &fail);
	if (rc == RC_OK)
		rc = control_run(house, arena, request, &answer, &fail);
	if (rc == RC_OK) {
		buf_putc(&answer, '}');
		return buf_finish(&answer, ret_answer);
	}
	fail.rc = rc;
	buf_init(&answer, arena, CONTROL_ANSWER_MAX_BYTES);
	put_failure(&answer, rc, &fail);
	return buf_finish(&answer, ret_answer);
}

/* The answer to what came, or to what did not: too long a line is told, too slow a peer as well. */
static enum rc read_and_answer(struct control *control, int fd, struct arena *arena, str *ret_answer)
{
	str line;
	int64_t deadline_ms = clock_mono_ms(&clock_system) + CONNECTION_TIMEOUT_MS;
	enum rc rc = control_read_line(
	    fd, control->stop_fd, arena, CONTROL_REQUEST_MAX_BYTES, deadline_ms, &line);
	if (rc == RC_OK)
		return control_answer(control->house, arena, line, ret_answer);
	if (rc != RC_TOO_LARGE && rc != RC_TIMEOUT)
		return rc;
	struct fail fail = {.rc = rc};
	struct buf answer;
	buf_init(&answer, arena, CONTROL_ANSWER_MAX_BYTES);
	put_failure(&answer, rc, &fail);
	return buf_finish(&answer, ret_answer);
}

static void serve_connection(struct control *control, int fd)
{
	struct arena CLEANUP(arena_release) arena;
	str answer;
	arena_init(&arena, CONTROL_ARENA_BYTES);
	if (!peer_allowed(fd)) {
		LOG(LOG_WARNING, "control", "connection of another user refused");
		return;
	}
	enum rc rc = read_and_answer(control, fd, &arena, &answer);
	int64_t deadline_ms = clock_mono_ms(&clock_system) + CONNECTION_TIMEOUT_MS;
	if (rc == RC_OK)
		rc = control_write_all(fd, control->stop_fd, answer, deadline_ms);
	if (rc == RC_OK)
		rc = control_write_all(fd, control->stop_fd, STR("\n"), deadline_ms);
	if (rc != RC_OK && rc != RC_STOPPING && rc != RC_CANCELLED)
		LOG(LOG_WARNING, "control", "request not answered", LOG_STR("reason", str_of(rc_sentence(rc))));
}

static void *run(void *arg)
{
	struct control *control = arg;
	for (;;) {
		struct pollfd fds[] = {
			{.fd = control->stop_fd, .events = POLLIN},
			{.fd = control->listen_fd, .events = POLLIN},
		};
		if (poll(fds, COUNT_OF(fds), -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents)
			break;
		if (!fds[1].revents)
			continue;
		int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			poll(fds, 1, ACCEPT_PAUSE_MS);
			continue;
		}
		serve_connection(control, fd);
		close(fd);
	}
	return NULL;
}

/*
 * The directory lock is ours, so a socket that lies there belongs to a server that is dead. Nobody
 * can connect between bind(2) and listen(2), hence the mode is right before the first connection.
 */
static enum rc open_socket(struct control *control, struct fail *fail)
{
	const struct control_path *path = &control->path;
	control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	control->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control->listen_fd < 0 || control->stop_fd < 0)
		return fail_set(fail, RC_IO, "cannot make the control socket: %s", strerror(errno));
	if (unlink(path->address.sun_path) != 0 && errno != ENOENT)
		return fail_set(fail, RC_IO, "cannot replace the control socket in the data directory: %s",
		                strerror(errno));
	if (bind(control->listen_fd, (const struct sockaddr *)&path->address, sizeof path->address) != 0 ||
	    chmod(path->address.sun_path, 0600) != 0 || listen(control->listen_fd, BACKLOG) != 0)
		return fail_set(fail, RC_IO, "cannot open the control socket in the data directory: %s",
		                strerror(errno));
	return RC_OK;
}

enum rc control_start(struct house *house, struct control **ret_control, struct fail *fail)
{
	struct control *control = heap_new(struct control);
	if (!control)
		return RC_NOMEM;
	*control = (struct control){.house = house, .listen_fd = -1, .stop_fd = -1, .path.directory_fd = -1};
	enum rc rc = control_path_make(house->settings->server_data, &control->path, fail);
	if (rc == RC_OK)
		rc = open_socket(control, fail);
	if (rc == RC_OK)
		rc = thread_start(&control->thread, "control", run, control);
	if (rc != RC_OK) {
		control_stop(control);
		return rc;
	}
	control->started = true;
	*ret_control = control;
	return RC_OK;
}

void control_stop(struct control *control)
{
	if (!control)
		return;
	if (control->started) {
		uint64_t one = 1;
		if (write(control->stop_fd, &one, sizeof one) != sizeof one)
			LOG(LOG_ERROR, "control", "cannot wake the control thread");
		thread_join(control->thread);
		unlink(control->path.address.sun_path);
	}
	if (control->listen_fd >= 0)
		close(control->listen_fd);
	if (control->stop_fd >= 0)
		close(control->stop_fd);
	control_path_release(&control->path);
	heap_free(control);
}
