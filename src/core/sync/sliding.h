/*
 * Simplified sliding sync: MSC4186, proposals/4186-simplified-sliding-sync.md. A request says by lists (windows over the
 * user's rooms, newest activity first) and by subscriptions which rooms it wants and how much of each; the answer holds those that are
 * new to the connection or have changed since it was told of them.
 *
 * What a connection was told is kept in the database, by version, and `pos` names position and version. So any process can answer the
 * next request, and a restart is not noticed. In the steady state nothing is written: a room counts as told up to the position of
 * the token, and only what departs from that is state (rooms that are new, that changed while nobody wanted them, that were given a
 * longer timeline). An answer that got lost is asked for again with the old `pos`, whose version is still there. What
 * is not there is RC_UNKNOWN_POS, upon which clients begin anew.
 *
 * The order of rooms costs one row of numbers for each room of the user, and no look into a room that is not told of.
 *
 * Any thread.
 */
#ifndef EXEUNT_CORE_SYNC_SLIDING_H
#define EXEUNT_CORE_SYNC_SLIDING_H

#include "core/sync/sync.h"

enum {
	SLIDING_LISTS_MAX = 100,
	SLIDING_SUBSCRIPTIONS_MAX = 100,
	SLIDING_NAME_MAX_BYTES = 255, /* of a list, of a connection */
	SLIDING_RANGES_MAX = 16,      /* of one list */
	SLIDING_PATTERNS_MAX = 256,   /* of one required_state, of its include and its exclude */
	SLIDING_NAMES_MAX = 1000,     /* of one filter, of one scope */
	SLIDING_TIMELINE_MAX = 100,   /* more are not told, whatever was asked for */
	SLIDING_TO_DEVICE_MAX = 100,
};

/* One element of required_state. */
struct sliding_pattern {
	bool any_type, any_key;
	bool own_key;  /* "$ME": the user's id */
	str type, key; /* unless any */
};

/* What a list or a subscription wants of a room. */
struct sliding_config {
	int64_t timeline_limit; /* 0 to SLIDING_TIMELINE_MAX */
	const struct sliding_pattern *include, *exclude;
	size_t include_count, exclude_count;
	bool lazy_members;
	bool without_heroes;
};

/* Names that a filter wants or not; only if `given`. */
struct sliding_names {
	bool given;
	const str *names;
	size_t count;
	bool none; /* of room types: null, rooms that have none */
};

enum sliding_flag { SLIDING_ANY, SLIDING_YES, SLIDING_NO };

struct sliding_filters {
	enum sliding_flag is_dm, is_encrypted, is_invited;
	struct sliding_names spaces, room_types, not_room_types, tags, not_tags;
};

struct sliding_list {
	str name;
	bool everything; /* no ranges: all rooms that the filters let pass */
	struct sliding_range {
		int64_t first, last; /* from 0, both included */
	} ranges[SLIDING_RANGES_MAX];
	size_t range_count;
	struct sliding_filters filters;
	struct sliding_config config;
};

struct sliding_subscription {
	str room_id;
	struct sliding_config config;
};

/* Of which rooms an extension tells. */
struct sliding_scope {
	bool enabled;
	bool all_lists, all_subscriptions;
	const str *lists, *rooms; /* names of lists, room ids */
	size_t list_count, room_count;
};

struct sliding_request {
	const struct session *session;
	bool stable; /* the names of v4; else those of the unstable path */
	str pos;     /* empty: the connection begins */
	str conn_id;
	const struct sliding_list *lists;
	size_t list_count;
	const struct sliding_subscription *subscriptions;
	size_t subscription_count;
	struct sliding_scope account_data, receipts, typing;
	bool e2ee, to_device;
	str to_device_since;     /* empty: the beginning */
	int64_t to_device_limit; /* 1 to SLIDING_TO_DEVICE_MAX */
};

/*
 * Appends the whole answer. With `may_wait` an answer that holds nothing new is left unfinished, ret_mark->empty says so and nothing is
 * stored; sync_watch() then waits. RC_UNKNOWN_POS; RC_UNKNOWN_TOKEN as sync_answer().
 */
MUST_CHECK enum rc sliding_answer(struct syncs *syncs, struct arena *arena,
    const struct sliding_request *request, bool may_wait, struct buf *out,
    struct sync_mark *ret_mark, struct fail *fail);

#endif
