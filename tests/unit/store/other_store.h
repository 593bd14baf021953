/* What another process has over the fixture's database: a store of its own, and a number. PostgreSQL only. */
#ifndef EXEUNT_TEST_OTHER_STORE_H
#define EXEUNT_TEST_OTHER_STORE_H

#include "store_fixture.h"

#include "store/processes.h"

struct other_store {
	char directory[256];
	struct store *store;
	int64_t process; /* 0: of none */
};

void other_open(struct fixture *f, struct other_store *other);
void other_close(struct other_store *other); /* also one that is closed */
/* Registers a process for the store, as if at `address`. */
int64_t other_register(struct store *store, const char *address);
enum rc other_end(struct store *store, int64_t process); /* process_end() through this store */
/* One number from the database, through a connection that is nobody's. */
int64_t other_number(const struct fixture *f, const char *sql);
int64_t database_number(const char *database, const char *sql); /* the same; a connection string of libpq's */

/* Fails the test when `is_so` does not become true: the limit is for what hangs, and no verdict about time. */
enum { OTHER_LIMIT_MS = 60000 };
void other_wait(bool (*is_so)(void *self), void *self, const char *what);

#endif
