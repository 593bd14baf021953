/* Questions about relations. */
#include "store/relations_int.h"

#include "store/events_int.h"
#include "store/rows_int.h"
#include "store/store_int.h"

/* As rel_type_known(), and for other types what the table has. RC_NOT_FOUND: no event ever had it. */
static enum rc rel_type_find(struct txn_ro *txn, str text, int64_t *ret_rel_type)
{
	*ret_rel_type = rel_type_known(text);
	if (*ret_rel_type != 0 || text.n == 0)
		return RC_OK;
	TRY(type_nid_find(txn, text, ret_rel_type));
	*ret_rel_type = -*ret_rel_type;
	return RC_OK;
}

static struct query page_query(
    struct txn_ro *txn, const struct relations_wish *wish, int64_t rel_type, int64_t type)
{
	struct arg parent = I(wish->parent), from = I(wish->from), to = I(wish->to),
		   limit = I(one_more(wish->limit));
	if (wish->depth == 1 && rel_type != 0)
		return wish->newest_first ? QUERY(txn, children_before, parent, I(rel_type),
						I(type), from, to, limit)
					  : QUERY(txn, children_after, parent, I(rel_type), I(type),
						from, to, limit);
	struct arg depth = I(wish->depth);
	return wish->newest_first
		   ? QUERY(txn, family_before, parent, I(rel_type), I(type), depth, from, to, limit)
		   : QUERY(txn, family_after, parent, I(rel_type), I(type), depth, from, to, limit);
}

enum rc relations_page(struct txn_ro *txn, struct arena *arena, const struct relations_wish *wish,
    struct event_row **ret_events, size_t *ret_count, bool *ret_more)
{
	int64_t rel_type, type = 0;
	enum rc rc = rel_type_find(txn, wish->rel_type, &rel_type);
	if (rc == RC_OK && wish->type.n > 0)
		rc = type_nid_find(txn, wish->type, &type);
	if (rc == RC_NOT_FOUND) {
		*ret_events = NULL;
		*ret_count = 0;
		*ret_more = false;
		return RC_OK;
	}
	TRY(rc);
	struct query CLEANUP(query_close) q = page_query(txn, wish, rel_type, type);
	return event_page(&q, arena, wish->limit, ret_events, ret_count, ret_more);
}

static enum rc summaries_collect(struct query *q, struct arena *arena,
    struct relation_summary **ret_summaries, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct relation_summary);
	enum rc rc;
	while ((rc = query_step(q)) == RC_OK) {
		struct relation_summary *row = rows_add(&rows);
		if (!row)
			break;
		*row = (struct relation_summary){
		    .parent = col_i64(q, 0),
		    .rel_type = (enum rel_type)col_i64(q, 1),
		    .count = col_i64(q, 2),
		    .oldest_pos = col_i64(q, 3),
		    .by_user = col_i64(q, 4) != 0,
		};
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_summaries = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc relation_summaries(struct txn_ro *txn, struct arena *arena, struct nids parents,
    int64_t user, const struct relation_scope *scope, struct relation_summary **ret_summaries,
    size_t *ret_count)
{
	str list, without;
	TRY(nids_text(arena, parents, &list));
	TRY(nids_text(arena, scope->without, &without));
	struct query CLEANUP(query_close) q =
	    QUERY(txn, relation_summaries, I(user), T(list), I(scope->until_pos), T(without));
	return summaries_collect(&q, arena, ret_summaries, ret_count);
}

/* Rows whose second number is 0 tell that there is none. */
static enum rc pairs_collect(
    struct query *q, struct arena *arena, struct relation_pair **ret_pairs, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct relation_pair);
	enum rc rc;
	while ((rc = query_step(q)) == RC_OK) {
		struct relation_pair *row = col_i64(q, 1) != 0 ? rows_add(&rows) : NULL;
		if (row)
			*row = (struct relation_pair){col_i64(q, 0), col_i64(q, 1)};
		TRY(arena_status(arena));
	}
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_pairs = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc relation_replacements(struct txn_ro *txn, struct arena *arena, struct nids parents,
    const struct relation_scope *scope, struct relation_pair **ret_pairs, size_t *ret_count)
{
	str list, without;
	TRY(nids_text(arena, parents, &list));
	TRY(nids_text(arena, scope->without, &without));
	struct query CLEANUP(query_close) q =
	    QUERY(txn, relation_replacements, I(scope->until_pos), T(without), T(list));
	return pairs_collect(&q, arena, ret_pairs, ret_count);
}

enum rc relation_thread_ends(struct txn_ro *txn, struct arena *arena, struct nids roots,
    const struct relation_scope *scope, struct relation_pair **ret_pairs, size_t *ret_count)
{
	str list, without;
	TRY(nids_text(arena, roots, &list));
	TRY(nids_text(arena, scope->without, &without));
	struct query CLEANUP(query_close) q =
	    QUERY(txn, relation_thread_ends, I(scope->until_pos), T(without), T(list));
	return pairs_collect(&q, arena, ret_pairs, ret_count);
}

enum rc replacements_of(struct txn_ro *txn, struct arena *arena, int64_t parent,
    const struct relation_scope *scope, size_t limit, struct event_row **ret_events,
    size_t *ret_count)
{
	str without;
	bool more;
	TRY(nids_text(arena, scope->without, &without));
	struct query CLEANUP(query_close) q = QUERY(
	    txn, replacements_of, I(parent), I(scope->until_pos), T(without), I(one_more(limit)));
	return event_page(&q, arena, limit, ret_events, ret_count, &more);
}

/* Those that no event ever had are left out. */
static enum rc rel_types_find(
    struct txn_ro *txn, struct arena *arena, const struct relation_choice *choice, str *ret_list)
{
	struct nids found = {0};
	int64_t *list = arena_array(arena, int64_t, choice->rel_type_count + 1);
	TRY(arena_status(arena));
	for (size_t i = 0; choice->rel_types && i < choice->rel_type_count; i++) {
		enum rc rc = rel_type_find(txn, choice->rel_types[i], &list[found.n]);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		found.n += rc == RC_OK;
	}
	found.p = list;
	return nids_text(arena, found, ret_list);
}

enum rc parents_with(struct txn_ro *txn, struct arena *arena, struct nids parents,
    const struct relation_choice *choice, struct nids *ret_parents)
{
	str list, rel_types, senders;
	int64_t *found = arena_array(arena, int64_t, parents.n);
	size_t count = 0;
	enum rc rc;
	TRY(arena_status(arena));
	TRY(nids_text(arena, parents, &list));
	TRY(rel_types_find(txn, arena, choice, &rel_types));
	TRY(nids_text(arena, choice->senders ? *choice->senders : (struct nids){0}, &senders));
	struct query CLEANUP(query_close) q = QUERY(txn, parents_with, T(list),
	    I(choice->rel_types != NULL), T(rel_types), I(choice->senders != NULL), T(senders));
	while (count < parents.n && (rc = query_step(&q)) == RC_OK)
		found[count++] = col_i64(&q, 0);
	*ret_parents = (struct nids){found, count};
	return count == parents.n || rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc relation_is_child(struct txn_ro *txn, int64_t room, str event_id, bool *ret_is_child)
{
	int64_t one;
	enum rc rc = NUMBER(txn, &one, relation_is_child, T(event_id), I(room));
	*ret_is_child = rc == RC_OK;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc relations_by(struct txn_ro *txn, struct arena *arena, int64_t parent,
    enum rel_type rel_type, int64_t sender, str type, size_t limit, struct event_row **ret_events,
    size_t *ret_count)
{
	int64_t type_nid;
	bool more;
	*ret_events = NULL;
	*ret_count = 0;
	enum rc rc = type_nid_find(txn, type, &type_nid);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	struct query CLEANUP(query_close) q = QUERY(
	    txn, relations_by, I(parent), I(rel_type), I(sender), I(type_nid), I(one_more(limit)));
	return event_page(&q, arena, limit, ret_events, ret_count, &more);
}

enum rc threads_of_room(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t to,
    int64_t participant, size_t limit, struct thread_row **ret_threads, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct thread_row);
	struct query CLEANUP(query_close) q =
	    participant ? QUERY(txn, threads_of_participant, I(room), I(to), I(participant),
			      I((int64_t)limit))
			: QUERY(txn, threads_of_room, I(room), I(to), I((int64_t)limit));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct thread_row *row = rows_add(&rows);
		if (!row)
			break;
		*row = (struct thread_row){col_i64(&q, 0), col_i64(&q, 1)};
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_threads = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}
