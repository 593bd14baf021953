/* What needs PostgreSQL itself: notifications between processes, and tests. */
#ifndef EXEUNT_STORE_POSTGRES_INT_H
#define EXEUNT_STORE_POSTGRES_INT_H

#include "store/engine_int.h"

typedef struct pg_conn PGconn; /* as in libpq-fe.h */

/* Notifications on this channel come to this connection, which is used for nothing else from now on. */
MUST_CHECK enum rc postgres_listen(struct conn *conn, const char *channel);
/*
 * Calls `fn` for each notification that has come; when there is none, waits for one, for `wake_fd` to be readable, or for
 * the time-out. RC_UNAVAILABLE: the connection is lost.
 */
MUST_CHECK enum rc postgres_wait(struct conn *conn, int wake_fd, int timeout_ms, void (*fn)(void *self, str text),
                                 void *self);

/* For tests. */
PGconn *postgres_db(const struct conn *conn);    /* in pipeline mode; nothing blocks */
int postgres_rows_most(const struct conn *conn); /* of any result so far */

#endif
