/*
 * What the files of the auth chain index share: auth_index.c keeps it, auth_walk.c walks down from events, auth_agreed.c
 * up from a chain to what the states agree on.
 *
 * A link stands for "the event at (chain, seq) cites the one at (to_chain, to_seq)". A state event of a type that
 * authorises nothing has no row of its own, since nobody reaches it; its links stand under its nid as the chain, seq 1.
 */
#ifndef EXEUNT_STORE_AUTH_CHAINS_INT_H
#define EXEUNT_STORE_AUTH_CHAINS_INT_H

#include "base/map.h"
#include "store/auth_chains.h"
#include "store/events_int.h"
#include "store/rows_int.h"

/* A new state event joins the index. RC_NOT_FOUND: an auth event is not known. */
MUST_CHECK enum rc auth_index_add(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at);

struct auth_link {
	int64_t seq, to_chain, to_seq;
};

struct chain {
	int64_t number;
	bool is_lone;             /* a state event that nobody reaches */
	struct rows links;        /* struct auth_link, in order of seq: those of seq <= `known` */
	int64_t known;
	/* of the side now walked */
	size_t side;
	int64_t reach;            /* the highest seq reached */
	size_t followed;          /* so many of `links` */
	bool queued;
	/* of all sides walked */
	size_t sides;             /* that reached the chain */
	int64_t least, most;      /* of their reaches */
	/* auth_agreed.c: up to `agreed` the chain is in what the states agree on, from `apart` on it is not */
	bool place_known;
	int64_t agreed, apart;    /* apart 0: not known */
};

struct walk {
	struct txn_ro *txn;
	struct arena *arena;      /* holds the chains */
	struct map64 chains;      /* number → struct chain */
	struct rows queue;        /* struct chain *, to be followed */
	struct rows touched;      /* struct chain *, by the side now walked */
	struct rows places;       /* struct state_key: of the events that sides began with */
	size_t side;              /* from 1 */
	int64_t snapshot;         /* auth_agreed.c's, as the next one */
	struct rows asked;        /* struct frame: questions that wait for an answer */
};

void walk_init(struct walk *walk, struct txn_ro *txn, struct arena *arena);
void walk_release(struct walk *walk); /* for CLEANUP; the arena is the caller's */
MUST_CHECK enum rc walk_chain(struct walk *walk, int64_t number, struct chain **ret_chain);

/* A side: begin, from each of its events, end. What the events reach counts, and they themselves. */
void walk_side_begin(struct walk *walk);
MUST_CHECK enum rc walk_from(struct walk *walk, int64_t event);
void walk_side_end(struct walk *walk);

/* Events of a chain with from < seq <= to, added to `events` (int64_t). */
MUST_CHECK enum rc chain_events(
    struct walk *walk, const struct chain *chain, int64_t from, int64_t to, struct rows *events);

/* The places (walk->places) are sorted once, before the first question. */
void agreed_prepare(struct walk *walk, int64_t snapshot);
/*
 * The highest seq > `from` of the chain whose event is, or is in the auth chain of, an event that stands in the snapshot
 * at a place where the states do not differ; `from` when there is none.
 */
MUST_CHECK enum rc agreed_up_to(
    struct walk *walk, struct chain *chain, int64_t from, int64_t *ret_seq);

#endif
