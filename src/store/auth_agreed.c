/*
 * Walks up the index of auth chains: does anything that the states agree on stand above this event, or is it such a
 * thing itself? A search from the newest link down, which mostly finds a member of the room at once. It keeps
 * what it learns of each chain: up to `agreed` yes, from `apart` on no. So a link is looked at a few times at most,
 * whatever the number of questions.
 *
 * Each step goes to an event that was stored later, so a walk ends; a damaged index ends at AGREED_DEPTH_MAX.
 */
#include "store/auth_chains_int.h"

#include "store/store_int.h"

#include <stdlib.h>

enum { LINKS_BATCH = 8, AGREED_DEPTH_MAX = 1 << 20 };

/* A question under way: is what the states agree on above (chain, from)? */
struct frame {
	struct chain *chain;
	int64_t from;
	struct auth_back {
		int64_t to_seq, chain, seq;
	} links[LINKS_BATCH];   /* into `chain`, newest first */
	unsigned count, next;
	bool is_last;           /* no more than these */
};

static int place_order(const void *a, const void *b)
{
	const struct state_key *x = a, *y = b;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return (x->key > y->key) - (x->key < y->key);
}

void agreed_prepare(struct walk *walk, int64_t snapshot)
{
	walk->snapshot = snapshot;
	walk->asked = ROWS(walk->arena, struct frame);
	if (walk->places.count > 1)
		qsort(walk->places.first, walk->places.count, sizeof(struct state_key), place_order);
}

static bool states_differ_at(const struct walk *walk, struct state_key place)
{
	return walk->places.count > 0 &&
	       bsearch(&place, walk->places.first, walk->places.count, sizeof place, place_order);
}

/* The events of a chain have one place: if the states agree there, on which of them? */
static enum rc place_look(struct walk *walk, struct chain *chain)
{
	struct state_key place;
	int64_t event;
	chain->place_known = true;
	{
		struct query CLEANUP(query_close) q =
		    QUERY(walk->txn, event_place_of, I(chain->number));
		enum rc rc = query_step(&q);
		if (rc != RC_OK)
			return rc == RC_NOT_FOUND ? RC_CORRUPT : rc;
		place = (struct state_key){col_i64(&q, 0), col_i64(&q, 1)};
	}
	if (states_differ_at(walk, place))
		return RC_OK;
	enum rc rc = snapshot_get(walk->txn, walk->snapshot, place, &event);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	struct query CLEANUP(query_close) q = QUERY(walk->txn, auth_position, I(event));
	rc = query_step(&q);
	if (rc == RC_OK && col_i64(&q, 0) == chain->number && col_i64(&q, 1) > chain->agreed)
		chain->agreed = col_i64(&q, 1);
	if (rc == RC_NOT_FOUND && event == chain->number) /* it has no row: nobody reaches it */
		chain->agreed = 1;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc links_more(struct walk *walk, struct frame *frame)
{
	struct auth_back last = {INT64_MAX, INT64_MAX, INT64_MAX};
	if (frame->count > 0)
		last = frame->links[frame->count - 1];
	struct query CLEANUP(query_close) q = QUERY(walk->txn, auth_links_back,
	    I(frame->chain->number), I(frame->from), I(last.to_seq), I(last.chain), I(last.seq),
	    I(LINKS_BATCH));
	enum rc rc = RC_OK;
	frame->count = frame->next = 0;
	while (frame->count < LINKS_BATCH && (rc = query_step(&q)) == RC_OK)
		frame->links[frame->count++] =
		    (struct auth_back){col_i64(&q, 0), col_i64(&q, 1), col_i64(&q, 2)};
	frame->is_last = frame->count < LINKS_BATCH;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static struct frame *top_of(const struct rows *stack)
{
	return &((struct frame *)stack->first)[stack->count - 1];
}

static enum rc ask(struct rows *stack, struct chain *chain, int64_t from)
{
	if (stack->count >= AGREED_DEPTH_MAX)
		return RC_CORRUPT;
	struct frame *frame = rows_add(stack);
	TRY(arena_status(stack->arena));
	frame->chain = chain;
	frame->from = from;
	return RC_OK;
}

/* Everything that waits for the answer has it: each stands below its link. */
static void all_agreed(struct rows *stack)
{
	struct frame *frames = stack->first;
	for (size_t i = 0; i < stack->count; i++) {
		int64_t to_seq = frames[i].links[frames[i].next - 1].to_seq;
		if (to_seq > frames[i].chain->agreed)
			frames[i].chain->agreed = to_seq;
	}
	stack->count = 0;
}

/* The next link of the newest question: answers it, passes it over or asks on. */
static enum rc step(struct walk *walk, struct rows *stack)
{
	struct frame *top = top_of(stack);
	struct chain *chain;
	if (top->next == top->count && !top->is_last)
		TRY(links_more(walk, top));
	if (top->next == top->count) {
		if (top->chain->apart == 0 || top->from < top->chain->apart)
			top->chain->apart = top->from;
		stack->count--;
		return RC_OK;
	}
	const struct auth_back *link = &top->links[top->next++];
	TRY(walk_chain(walk, link->chain, &chain));
	if (!chain->place_known)
		TRY(place_look(walk, chain));
	if (link->seq <= chain->agreed)
		all_agreed(stack);
	else if (chain->apart == 0 || link->seq < chain->apart)
		return ask(stack, chain, link->seq);
	return RC_OK;
}

enum rc agreed_up_to(struct walk *walk, struct chain *chain, int64_t from, int64_t *ret_seq)
{
	if (!chain->place_known)
		TRY(place_look(walk, chain));
	int64_t lowest = chain->agreed > from ? chain->agreed : from;
	if (chain->apart == 0 || lowest + 1 < chain->apart)
		TRY(ask(&walk->asked, chain, lowest + 1));
	while (walk->asked.count > 0)
		TRY(step(walk, &walk->asked));
	*ret_seq = chain->agreed > from ? chain->agreed : from;
	return RC_OK;
}
