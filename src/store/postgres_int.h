/* What needs PostgreSQL itself: notifications between processes, and tests. */
#ifndef EXEUNT_STORE_POSTGRES_INT_H
#define EXEUNT_STORE_POSTGRES_INT_H

#include "store/engine_int.h"

typedef struct pg_conn PGconn; /* as in libpq-fe.h */

PGconn *postgres_db(const struct conn *conn); /* in pipeline mode */

#endif
