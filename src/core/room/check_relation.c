/*
 * What a client may relate an event to (Client-Server API, "Validation of m.thread relationships" and "Avoiding duplicate
 * annotations"). Events of other servers are not held to this. Two equal annotations that are on their way at the same
 * moment both pass: readers count them once.
 */
#include "core/room/room_int.h"
#include "matrix/relation.h"
#include "store/relations.h"

enum { ANNOTATIONS_MAX = 200 }; /* of one user on one event, looked at */

static enum rc check_thread(struct build *build, const struct relation *relation)
{
	struct txn_ro *txn;
	bool is_child;
	TRY(build_txn(build, &txn));
	TRY(relation_is_child(txn, build->head->room, relation->parent, &is_child));
	if (is_child)
		return fail_set(build->fail, RC_UNKNOWN_400,
		    "m.relates_to: no thread can begin at an event that is related to another "
		    "itself");
	return RC_OK;
}

static enum rc key_is(struct build *build, const struct event_row *row, str key, bool *ret_is)
{
	struct event event;
	struct relation relation;
	TRY(event_parse_stored(
	    build->arena, build->head->version, row->canonical, row->event_id, &event));
	*ret_is = relation_of(event.content, &relation) && str_eq(relation.key, key);
	return RC_OK;
}

static enum rc check_annotation(
    struct build *build, const struct event_request *request, const struct relation *relation)
{
	struct txn_ro *txn;
	struct event_row *rows;
	size_t count;
	int64_t parent;
	bool is_same = false;
	TRY(build_txn(build, &txn));
	enum rc rc = event_nid_find(txn, relation->parent, &parent);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	TRY(relations_by(txn, build->arena, parent, REL_ANNOTATION, request->actor.user,
	    request->type, ANNOTATIONS_MAX, &rows, &count));
	for (size_t i = 0; i < count && !is_same; i++)
		TRY(key_is(build, &rows[i], relation->key, &is_same));
	return is_same ? fail_set(build->fail, RC_DUPLICATE_ANNOTATION,
			     "m.relates_to: the event has this annotation of yours already")
		       : RC_OK;
}

enum rc check_relation(struct build *build, const struct event_request *request, json content)
{
	struct relation relation;
	if (!relation_of(content, &relation))
		return RC_OK;
	if (str_eq(relation.rel_type, STR("m.thread")))
		return check_thread(build, &relation);
	if (str_eq(relation.rel_type, STR("m.annotation")))
		return check_annotation(build, request, &relation);
	return RC_OK;
}
