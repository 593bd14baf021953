/* Relations as events come and go. Nothing is read, so that an engine that defers waits for nothing. */
#include "base/fault.h"
#include "store/events_int.h"
#include "store/relations_int.h"
#include "store/store_int.h"

static const struct {
	str text;
	enum rel_type rel_type;
} known[] = {
    {STR_INIT("m.replace"), REL_REPLACE},
    {STR_INIT("m.thread"), REL_THREAD},
    {STR_INIT("m.reference"), REL_REFERENCE},
    {STR_INIT("m.annotation"), REL_ANNOTATION},
};

int64_t rel_type_known(str text)
{
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_eq(text, known[i].text))
			return known[i].rel_type;
	return 0;
}

static enum rc rel_type_make(struct txn_rw *txn, str text, int64_t *ret_rel_type)
{
	*ret_rel_type = rel_type_known(text);
	if (*ret_rel_type != 0)
		return RC_OK;
	TRY(type_nid_make(txn, text, ret_rel_type));
	*ret_rel_type = -*ret_rel_type;
	return RC_OK;
}

static enum rc relation_write(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at)
{
	const struct relation_insert *relation = &in->relation;
	int64_t rel_type;
	TRY(rel_type_make(txn, relation->rel_type, &rel_type));
	TRY(RUN(txn, relation_add, I(at->event), T(relation->parent), I(in->room), I(rel_type),
	    I(relation->fits), I(at->type), I(in->sender), I(in->ts_ms), I(at->pos)));
	FAULT("store.relation.added");
	if (rel_type != REL_THREAD)
		return RC_OK;
	return RUN(txn, thread_grow, I(at->pos), T(relation->parent), I(in->room));
}

enum rc relations_follow(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at)
{
	if (in->relation.parent.n > 0 && at->pos != 0)
		TRY(relation_write(txn, in, at));
	if (!in->is_foreign ||
	    at->was_outlier) /* nobody could know of it, or it was found before */
		return RC_OK;
	TRY(RUN(txn, relations_found, I(at->event), T(in->event_id), I(in->room)));
	return RUN(txn, thread_found, I(at->event));
}

enum rc relation_end(struct txn_rw *txn, int64_t room, str event_id)
{
	TRY(RUN(txn, thread_shrink, T(event_id), I(room)));
	FAULT("store.relation.ending");
	return RUN(txn, relation_remove, T(event_id), I(room));
}
