/* What the writer collects to tell, and the thread that listens. */
#ifndef EXEUNT_STORE_NEWS_INT_H
#define EXEUNT_STORE_NEWS_INT_H

#include "store/news.h"
#include "store/sql_int.h"

enum {
	NEWS_MAX_BYTES = 7000, /* PostgreSQL takes less than 8,000 */
	NEWS_ITEM_BYTES = 24,
};

/* The lines of one group. */
struct outgoing_news {
	char text[NEWS_MAX_BYTES];
	size_t n;
	bool is_too_much;
};

struct listener {
	struct conn conn;
	news_fn *fn;
	void *self;
	int wake[2]; /* a pipe that ends the wait */
	int64_t heard_pos;    /* the newest that was told on this connection, or stood when it began */
	int64_t awaited_pos;  /* the newest at the last look */
	int64_t next_look_ms;
	bool started;
	bool stopping; /* atomic */
	thread thread;
};

void news_clear(struct outgoing_news *news);
/* In the group's transaction, before its commit. */
MUST_CHECK enum rc news_send(struct txn_rw *txn);

#endif
