/*
 * News between processes over one database: what a write transaction tells reaches the others when it has committed,
 * and never otherwise. On SQLite there are no others.
 */
#ifndef EXEUNT_STORE_NEWS_H
#define EXEUNT_STORE_NEWS_H

#include "store/store.h"

enum news_kind {
	NEWS_EVERYTHING,  /* news may have been lost: look at everything; id 0 */
	NEWS_ROOM,        /* events or receipts of a room */
	NEWS_USER,        /* account data, membership: what one user's /sync shows */
	NEWS_SESSIONS,    /* tokens, devices or the account of a user changed */
	NEWS_DEPARTURES,  /* rooms are to be left; id 0 */
	NEWS_DELAYED,     /* there is another delayed event; id 0 */
	NEWS_PROCESSES,   /* processes or their slots changed; id 0 */
	NEWS_TYPING,      /* `text` says who types in a room: see core/sync */
};

struct news {
	enum news_kind kind;
	int64_t id;   /* nid of the room or user */
	str text;     /* of NEWS_TYPING; until the callback returns */
};

/* Said again and again in one group it is told once. When there is too much to say, NEWS_EVERYTHING is told. */
void txn_tell(struct txn_rw *txn, enum news_kind kind, int64_t id);
/*
 * Each text is told, in the order of the calls: the last one counts. Any bytes, at most NEWS_TEXT_MAX: RC_TOO_LARGE. It is
 * missed by those to whom NEWS_EVERYTHING is told instead, or whose connection is lost.
 */
enum { NEWS_TEXT_MAX = 2000 };
MUST_CHECK enum rc txn_tell_text(struct txn_rw *txn, enum news_kind kind, int64_t id, str text);

/*
 * Calls `fn` with the news of other processes, one by one, on a thread of the store, until store_unlisten(). The newest
 * position is visible when it is called. Once, after the store was opened; nothing happens on SQLite.
 */
typedef void news_fn(void *self, const struct news *news);
MUST_CHECK enum rc store_listen(struct store *store, news_fn *fn, void *self);
void store_unlisten(struct store *store); /* no call comes afterwards; also done by store_close() */

#endif
