#include "store/postgres_int.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>

enum rc postgres_listen(struct conn *conn, const char *channel)
{
	char sql[96];
	snprintf(sql, sizeof sql, "LISTEN \"%s\"", channel);
	return conn_exec(conn, sql);
}

static bool notifications_take(PGconn *db, void (*fn)(void *self, str text), void *self)
{
	PGnotify *notification;
	bool had_some = false;
	while ((notification = PQnotifies(db)) != NULL) {
		fn(self, str_of(notification->extra));
		PQfreemem(notification);
		had_some = true;
	}
	return had_some;
}

enum rc postgres_wait(struct conn *conn, int wake_fd, int timeout_ms, void (*fn)(void *self, str text), void *self)
{
	PGconn *db = postgres_db(conn);
	struct pollfd fds[2] = {{.fd = PQsocket(db), .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
	if (notifications_take(db, fn, self))
		return RC_OK;
	if (poll(fds, 2, timeout_ms) < 0 || fds[0].revents == 0)
		return RC_OK;
	if (PQconsumeInput(db) != 1)
		return RC_UNAVAILABLE;
	(void)notifications_take(db, fn, self);
	return PQstatus(db) == CONNECTION_OK ? RC_OK : RC_UNAVAILABLE;
}
