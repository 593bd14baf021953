/* Walks down the index of auth chains: from events to the chains that they reach. */
#include "store/auth_chains_int.h"

#include "codec/json.h"
#include "matrix/event.h"
#include "store/store_int.h"

enum { CITING_ARENA_BYTES = 4 << 20 };

void walk_init(struct walk *walk, struct txn_ro *txn, struct arena *arena)
{
	*walk = (struct walk){
	    .txn = txn,
	    .arena = arena,
	    .queue = ROWS(arena, struct chain *),
	    .touched = ROWS(arena, struct chain *),
	    .places = ROWS(arena, struct state_key),
	};
	map64_init(&walk->chains);
}

void walk_release(struct walk *walk)
{
	map64_release(&walk->chains);
}

enum rc walk_chain(struct walk *walk, int64_t number, struct chain **ret_chain)
{
	struct chain *chain = map64_get(&walk->chains, (uint64_t)number);
	if (!chain) {
		chain = arena_new(walk->arena, struct chain);
		TRY(arena_status(walk->arena));
		chain->number = number;
		chain->links = ROWS(walk->arena, struct auth_link);
		TRY(map64_put(&walk->chains, (uint64_t)number, chain, NULL));
	}
	*ret_chain = chain;
	return RC_OK;
}

static enum rc list_add(struct rows *list, struct chain *chain)
{
	struct chain **place = rows_add(list);
	TRY(arena_status(list->arena));
	*place = chain;
	return RC_OK;
}

/* The side reaches the chain up to `seq`. */
static enum rc reach(struct walk *walk, int64_t number, int64_t seq, struct chain **ret_chain)
{
	struct chain *chain;
	TRY(walk_chain(walk, number, &chain));
	*ret_chain = chain;
	if (chain->side != walk->side) {
		chain->side = walk->side;
		chain->reach = 0;
		chain->followed = 0;
		TRY(list_add(&walk->touched, chain));
	}
	if (seq <= chain->reach)
		return RC_OK;
	chain->reach = seq;
	if (chain->queued)
		return RC_OK;
	chain->queued = true;
	return list_add(&walk->queue, chain);
}

static enum rc links_read(struct walk *walk, struct chain *chain)
{
	struct query CLEANUP(query_close) q = QUERY(
	    walk->txn, auth_links_of, I(chain->number), I(chain->known), I(chain->reach));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct auth_link *link = rows_add(&chain->links);
		TRY(arena_status(walk->arena));
		*link = (struct auth_link){col_i64(&q, 0), col_i64(&q, 1), col_i64(&q, 2)};
	}
	chain->known = chain->reach;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Each link once a side, however often the chain is reached higher up. */
static enum rc chain_follow(struct walk *walk, struct chain *chain)
{
	struct chain *other;
	if (chain->reach > chain->known)
		TRY(links_read(walk, chain));
	while (chain->followed < chain->links.count) {
		const struct auth_link *link =
		    &((const struct auth_link *)chain->links.first)[chain->followed];
		if (link->seq > chain->reach)
			break;
		chain->followed++;
		TRY(reach(walk, link->to_chain, link->to_seq, &other));
	}
	return RC_OK;
}

static enum rc queue_follow(struct walk *walk)
{
	while (walk->queue.count > 0) {
		struct chain *chain = ((struct chain **)walk->queue.first)[--walk->queue.count];
		chain->queued = false;
		TRY(chain_follow(walk, chain));
	}
	return RC_OK;
}

/* ---- sides ---- */

void walk_side_begin(struct walk *walk)
{
	walk->side++;
	walk->touched.count = 0;
}

/* The auth events that its own bytes name: ids, or in v1 and v2 pairs of id and hash. */
static enum rc from_bytes(struct walk *walk, int64_t event, int64_t room)
{
	struct arena CLEANUP(arena_release) scratch;
	struct chain *chain;
	str canonical;
	json root;
	arena_init(&scratch, CITING_ARENA_BYTES);
	TRY(TEXT(walk->txn, &scratch, &canonical, event_content, I(event)));
	enum rc rc = json_parse(&scratch, canonical, &root, NULL);
	if (rc != RC_OK)
		return rc == RC_NOMEM ? rc : RC_CORRUPT;
	json cited = json_get(root, STR("auth_events"));
	for (size_t i = 0; i < json_count(cited) && i < EVENT_AUTH_MAX; i++) {
		json item = json_at(cited, i);
		str id = json_text_or(json_is_array(item) ? json_at(item, 0) : item, STR_EMPTY);
		struct query CLEANUP(query_close) q = QUERY(walk->txn, auth_cited, T(id));
		rc = query_step(&q);
		if (rc == RC_OK && col_i64(&q, 4) != 0 && col_i64(&q, 1) == room)
			rc = reach(walk, col_i64(&q, 4), col_i64(&q, 5), &chain);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
	}
	return queue_follow(walk);
}

enum rc walk_from(struct walk *walk, int64_t event)
{
	struct query CLEANUP(query_close) q = QUERY(walk->txn, auth_event, I(event));
	struct chain *chain;
	TRY(query_step(&q));
	int64_t number = col_i64(&q, 0), seq = col_i64(&q, 1);
	if (col_i64(&q, 3) == 0) /* no state event */
		return from_bytes(walk, event, col_i64(&q, 2));
	struct state_key *place = rows_add(&walk->places);
	TRY(arena_status(walk->arena));
	*place = (struct state_key){col_i64(&q, 4), col_i64(&q, 5)};
	TRY(reach(walk, number ? number : event, number ? seq : 1, &chain));
	chain->is_lone = number == 0;
	return queue_follow(walk);
}

void walk_side_end(struct walk *walk)
{
	struct chain **touched = walk->touched.first;
	for (size_t i = 0; i < walk->touched.count; i++) {
		struct chain *chain = touched[i];
		if (chain->sides == 0 || chain->reach < chain->least)
			chain->least = chain->reach;
		if (chain->reach > chain->most)
			chain->most = chain->reach;
		chain->sides++;
	}
}

enum rc chain_events(
    struct walk *walk, const struct chain *chain, int64_t from, int64_t to, struct rows *events)
{
	if (chain->is_lone) {
		int64_t *event = from < 1 && to >= 1 ? rows_add(events) : NULL;
		if (event)
			*event = chain->number;
		return arena_status(events->arena);
	}
	struct query CLEANUP(query_close) q =
	    QUERY(walk->txn, auth_events_of, I(chain->number), I(from), I(to));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		int64_t *event = rows_add(events);
		TRY(arena_status(events->arena));
		*event = col_i64(&q, 0);
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}
