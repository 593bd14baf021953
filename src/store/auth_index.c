/* Keeping the index of auth chains: what a new state event adds to it. */
#include "store/auth_chains_int.h"

#include "base/fault.h"
#include "matrix/event.h"
#include "store/store_int.h"

/* An event that the new one cites, and where it stands. */
struct cited {
	int64_t event, chain, seq;
	bool same_place; /* of the same type and state key */
};

struct citations {
	struct cited all[EVENT_AUTH_MAX]; /* newest first: an event reaches older ones only */
	size_t count;
};

static bool can_authorise(str type)
{
	static const str types[] = {
	    STR_INIT("m.room.create"),
	    STR_INIT("m.room.power_levels"),
	    STR_INIT("m.room.join_rules"),
	    STR_INIT("m.room.member"),
	    STR_INIT("m.room.third_party_invite"),
	};
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (str_eq(type, types[i]))
			return true;
	return false;
}

static void citation_add(struct citations *citations, struct cited cited)
{
	size_t at = 0;
	while (at < citations->count && citations->all[at].event > cited.event)
		at++;
	if (at < citations->count && citations->all[at].event == cited.event)
		return; /* cited twice */
	for (size_t i = citations->count++; i > at; i--)
		citations->all[i] = citations->all[i - 1];
	citations->all[at] = cited;
}

/* Events of other rooms, or of types that authorise nothing, are left out: only events that are refused cite such. */
static enum rc citation_find(struct txn_rw *txn, const struct event_insert *in,
    const struct placing *at, str event_id, struct citations *citations)
{
	struct query CLEANUP(query_close) q = QUERY(&txn->ro, auth_cited, T(event_id));
	TRY(query_step(&q));
	struct cited cited = {
	    .event = col_i64(&q, 0),
	    .chain = col_i64(&q, 4),
	    .seq = col_i64(&q, 5),
	    .same_place = col_i64(&q, 2) == at->type && col_i64(&q, 3) == at->key,
	};
	if (cited.chain != 0 && col_i64(&q, 1) == in->room)
		citation_add(citations, cited);
	return RC_OK;
}

static enum rc is_newest(struct txn_rw *txn, const struct cited *cited, bool *ret_newest)
{
	int64_t next;
	enum rc rc = NUMBER(&txn->ro, &next, auth_event_at, I(cited->chain), I(cited->seq + 1));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_newest = rc == RC_NOT_FOUND;
	return RC_OK;
}

/* Its chain goes on from what stood in its place before, if nothing has yet; a refused event holds no other up. */
static enum rc chain_choose(struct txn_rw *txn, const struct event_insert *in,
    const struct placing *at, const struct citations *citations, int64_t *ret_chain, int64_t *ret_seq)
{
	*ret_chain = at->event;
	*ret_seq = 1;
	if (in->verdict == EVENT_REJECTED)
		return RC_OK;
	for (size_t i = 0; i < citations->count; i++) {
		const struct cited *cited = &citations->all[i];
		bool newest = false;
		if (cited->same_place)
			TRY(is_newest(txn, cited, &newest));
		if (!newest)
			continue;
		*ret_chain = cited->chain;
		*ret_seq = cited->seq + 1;
		return RC_OK;
	}
	return RC_OK;
}

/* `from` reaches `to` within its chain or by one link of it. */
static enum rc reaches(
    struct txn_rw *txn, const struct cited *from, const struct cited *to, bool *ret_reaches)
{
	int64_t to_seq = 0;
	*ret_reaches = true;
	if (from->chain == to->chain)
		return RC_OK; /* the newer one stands higher */
	enum rc rc = NUMBER(
	    &txn->ro, &to_seq, auth_link_last, I(from->chain), I(to->chain), I(from->seq));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_reaches = to_seq >= to->seq;
	return RC_OK;
}

/*
 * Some newer citation leads to all->all[i] anyway. Power levels and join rules, which are few, only count what their own
 * chain has: so their links lead straight to what members cite beside them, and a member needs one or none.
 */
static enum rc is_implied(struct txn_rw *txn, const struct citations *citations, size_t i,
    int64_t chain, bool all_count, bool *ret_implied)
{
	const struct cited *to = &citations->all[i];
	*ret_implied = to->chain == chain;
	for (size_t j = 0; j < i && !*ret_implied; j++)
		if (all_count || citations->all[j].chain == chain || citations->all[j].chain == to->chain)
			TRY(reaches(txn, &citations->all[j], to, ret_implied));
	return RC_OK;
}

static enum rc links_add(struct txn_rw *txn, const struct citations *citations, int64_t chain,
    int64_t seq, bool all_count)
{
	for (size_t i = 0; i < citations->count; i++) {
		bool implied;
		const struct cited *to = &citations->all[i];
		TRY(is_implied(txn, citations, i, chain, all_count, &implied));
		if (!implied)
			TRY(RUN(txn, auth_link_add, I(chain), I(to->chain), I(seq), I(to->seq)));
	}
	return RC_OK;
}

enum rc auth_index_add(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at)
{
	struct citations citations = {.count = 0};
	int64_t chain = at->event, seq = 1;
	if (in->auth_count > EVENT_AUTH_MAX)
		return RC_TOO_LARGE;
	for (size_t i = 0; i < in->auth_count; i++)
		TRY(citation_find(txn, in, at, in->auth_events[i], &citations));
	if (can_authorise(in->type)) {
		TRY(chain_choose(txn, in, at, &citations, &chain, &seq));
		TRY(RUN(txn, auth_chain_add, I(at->event), I(chain), I(seq)));
		FAULT("store.auth_chain.added");
	}
	bool is_rule = str_eq(in->type, STR("m.room.power_levels")) ||
		       str_eq(in->type, STR("m.room.join_rules"));
	return links_add(txn, &citations, chain, seq, !is_rule);
}
