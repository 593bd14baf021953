/*
 * Bundled aggregations: what `unsigned` of an event says of its children (Client-Server API, "Aggregations of child
 * events"). Read for a page of events at once; events without children cost one look into an index. Any lane thread.
 *
 * Children that the viewer may not see, and those by users whom they ignore, do not count.
 */
#ifndef EXEUNT_CORE_ROOM_BUNDLES_H
#define EXEUNT_CORE_ROOM_BUNDLES_H

#include "core/room/reading.h"

enum {
	BUNDLE_REFERENCES_MAX = 100, /* the oldest ones */
	BUNDLE_WALK_MAX = 200,       /* children judged one by one, where the viewer sees only a part of the history */
};

/* Of one event. What there is none of is NULL or 0. */
struct bundle {
	int64_t parent;
	const struct event_row *replacement;
	const struct event_row *thread_end;
	int64_t thread_count;
	bool participated;
	const struct event_row *references;
	size_t reference_count;
};

struct bundles {
	struct bundle *of;           /* in the order of the parents' nids */
	size_t count;
	const struct bundles *of_ends; /* what the last events of threads carry themselves; may be NULL */
};

/* Of events of the viewer's room. */
MUST_CHECK enum rc bundles_read(struct txn_ro *txn, struct arena *arena, const struct room_view *view,
                                const struct event_row *events, size_t count, struct bundles *ret_bundles);

/* NULL: it has none. */
const struct bundle *bundle_of(const struct bundles *bundles, int64_t event);

/* The event's m.relations as JSON in the arena; empty: it has none. For room_event_put_to(). */
MUST_CHECK enum rc bundle_json(struct txn_ro *txn, struct arena *arena, const struct event_reader *reader,
                               int64_t event, str *ret_json);

#endif
