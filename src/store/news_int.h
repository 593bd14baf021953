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
	bool looks_anew; /* atomic */
	bool started;
	bool stopping; /* atomic */
	thread thread;
};

struct news_mark {
	size_t n;
	bool is_too_much;
};

void news_clear(struct outgoing_news *news);
/* What a job tells that fails is not told: back to where the news were before it. */
struct news_mark news_mark(const struct outgoing_news *news);
void news_rewind(struct outgoing_news *news, struct news_mark mark);
/* The position that is known to be committed, which only grows. Any thread. */
void position_raise(struct store *store, int64_t pos);
/*
 * The writer, after the first commit that follows one of unknown outcome: that one may have taken place, and nobody was
 * told. A process does not hear its own news: so it looks at everything, in a second at the latest.
 */
void news_lost(struct store *store);
/* In the group's transaction, before its commit. */
MUST_CHECK enum rc news_send(struct txn_rw *txn);

#endif
