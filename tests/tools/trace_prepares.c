/*
 * Preloaded into what runs tests on PostgreSQL: writes the name of each statement that the store uses, at least for the
 * first time on a connection, to the file that EXEUNT_STATEMENTS_USED names. tools/statements_used.py reads it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct pg_conn PGconn;
typedef int prepare_fn(PGconn *conn, const char *name, const char *query, int count, const unsigned *types);
typedef int query_fn(PGconn *conn, const char *query, int count, const unsigned *types, const char *const *values,
                     const int *lengths, const int *formats, int format);

prepare_fn PQsendPrepare;
query_fn PQsendQueryParams;

static void name_write(const char *name, size_t name_bytes)
{
	const char *path = getenv("EXEUNT_STATEMENTS_USED");
	char line[128];
	int n = snprintf(line, sizeof line, "%.*s\n", (int)name_bytes, name);
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		abort(); /* or the list would lack it */
	close(fd);
}

int PQsendPrepare(PGconn *conn, const char *name, const char *query, int count, const unsigned *types)
{
	prepare_fn *real = (prepare_fn *)dlsym(RTLD_NEXT, "PQsendPrepare");
	name_write(name, strlen(name));
	return real(conn, name, query, count, types);
}

/* That of a walk stands in a comment. */
int PQsendQueryParams(PGconn *conn, const char *query, int count, const unsigned *types, const char *const *values,
                      const int *lengths, const int *formats, int format)
{
	query_fn *real = (query_fn *)dlsym(RTLD_NEXT, "PQsendQueryParams");
	const char *begin = strstr(query, "/* "), *end = begin ? strstr(begin, " */") : NULL;
	if (end)
		name_write(begin + 3, (size_t)(end - begin - 3));
	return real(conn, query, count, types, values, lengths, formats, format);
}
