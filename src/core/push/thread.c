/* Which thread an event is in: Client-Server API, "Threaded read receipts". */
#include "codec/canonical.h"
#include "core/push/push_int.h"
#include "matrix/ids.h"

enum { THREAD_HOPS_MAX = 3 }; /* the specification's recommendation */

/* The event that it is a child of; empty: of none. */
struct relation {
	str rel_type, parent;
};

static enum rc relation_of(struct arena *arena, str canonical, struct relation *ret_relation)
{
	str key, value;
	json content = NULL;
	*ret_relation = (struct relation){0};
	while (canonical_next_member(&canonical, &key, &value))
		if (str_eq(key, STR("content")))
			TRY(json_parse(arena, value, &content, NULL));
	json relates = json_get(content, STR("m.relates_to"));
	str rel_type = json_get_text(relates, STR("rel_type"));
	str parent = json_get_text(relates, STR("event_id"));
	if (rel_type.n && event_id_parse(parent, NULL))
		*ret_relation = (struct relation){rel_type, parent};
	return RC_OK;
}

/*
 * From parent to parent until one is a child of a thread's root, or is `wanted` itself. `*ret_root` is the root, empty
 * when there is none; `*ret_met`: `wanted` was on the way.
 */
static enum rc walk(struct txn_ro *txn, struct arena *arena, const struct event_row *event,
    str wanted, str *ret_root, bool *ret_met)
{
	struct event_row at = *event;
	struct relation relation;
	*ret_root = STR_EMPTY;
	*ret_met = false;
	for (unsigned hop = 0; hop <= THREAD_HOPS_MAX; hop++) {
		*ret_met = *ret_met || str_eq(at.event_id, wanted);
		TRY(relation_of(arena, at.canonical, &relation));
		if (str_eq(relation.rel_type, STR("m.thread")))
			*ret_root = relation.parent;
		if (!relation.parent.n || ret_root->n)
			return RC_OK;
		enum rc rc = event_find(txn, arena, relation.parent, &at);
		if (rc == RC_NOT_FOUND || (rc == RC_OK && at.room != event->room))
			return RC_OK;
		TRY(rc);
	}
	return RC_OK;
}

enum rc push_thread_of(
    struct txn_ro *txn, struct arena *arena, const struct event_row *event, str *ret_root)
{
	bool met;
	return walk(txn, arena, event, STR_EMPTY, ret_root, &met);
}

enum rc push_is_in_thread(struct txn_ro *txn, struct arena *arena, const struct event_row *event,
    str thread_id, bool *ret_is_in)
{
	str root;
	bool met;
	TRY(walk(txn, arena, event, thread_id, &root, &met));
	*ret_is_in = str_eq(thread_id, STR("main")) ? root.n == 0 : met || str_eq(root, thread_id);
	return RC_OK;
}
