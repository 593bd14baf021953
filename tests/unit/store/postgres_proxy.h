/*
 * Stands between a store and its PostgreSQL, on a unix socket of its own, and cuts the connection where a test says: the
 * places at which a network fails that no pg_terminate_backend() reaches.
 */
#ifndef EXEUNT_TEST_POSTGRES_PROXY_H
#define EXEUNT_TEST_POSTGRES_PROXY_H

#include <stdbool.h>

enum proxy_cut {
	PROXY_PASSES,
	PROXY_LOSES_REQUEST, /* what the client sends next does not reach the server */
	PROXY_LOSES_ANSWER,  /* it does, and is done; the answer does not come back */
	PROXY_LEAVES,        /* it does, and the client is left alone before it is done */
	/* A network that swallows packets: neither side hears of the other any more, nor that it has closed. */
	PROXY_SWALLOWS_REQUEST,
	PROXY_SWALLOWS_ANSWER, /* the server gets what comes next to its Sync, or 60,000 bytes of it, and nothing more */
};

struct postgres_proxy;

/* NULL: the server of `database`, a connection string, does not listen on a unix socket. */
struct postgres_proxy *proxy_new(const char *database, const char *directory);
void proxy_free(struct postgres_proxy *proxy);
/* Any thread. Once, for what comes next from any client. */
void proxy_cut_next(struct postgres_proxy *proxy, enum proxy_cut cut);
void proxy_refuse(struct postgres_proxy *proxy, bool refuses); /* new connections, from now on or no more */
int proxy_cuts(struct postgres_proxy *proxy); /* so far */

#endif
