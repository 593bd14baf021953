/* What the two ends of the control socket share. Private to control*.c. */
#ifndef EXEUNT_DAEMON_CONTROL_INT_H
#define EXEUNT_DAEMON_CONTROL_INT_H

#include "daemon/house.h"

#include <sys/un.h>

enum {
	CONTROL_REQUEST_MAX_BYTES = 64 * 1024,
	CONTROL_ANSWER_MAX_BYTES = 16 * 1024 * 1024,
	CONTROL_ARENA_BYTES = 8 * CONTROL_ANSWER_MAX_BYTES, /* a growing text leaves its smaller copies behind */
};

/*
 * DATA/control.sock as an address. A directory whose name is too long for one is reached through a
 * descriptor, which must stay open as long as the address is used.
 */
struct control_path {
	struct sockaddr_un address;
	int directory_fd; /* -1: not needed */
};
MUST_CHECK enum rc control_path_make(str directory, struct control_path *ret_path, struct fail *fail);
void control_path_release(struct control_path *path);

/*
 * One line without its newline, from a non-blocking socket. RC_TOO_LARGE; RC_TIMEOUT at the
 * deadline; RC_CANCELLED: the peer closed first; RC_STOPPING: `stop_fd` (-1: none) became readable;
 * RC_IO.
 */
MUST_CHECK enum rc control_read_line(int fd, int stop_fd, struct arena *arena, size_t max_bytes,
                                     int64_t deadline_mono_ms, str *ret_line);
MUST_CHECK enum rc control_write_all(int fd, int stop_fd, str text, int64_t deadline_mono_ms);

/*
 * One request line to its answer line, in this process. RC_OK also when the answer tells a failure.
 */
MUST_CHECK enum rc control_answer(struct house *house, struct arena *arena, str line, str *ret_answer);

#endif
