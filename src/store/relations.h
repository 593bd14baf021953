/*
 * Relations of events to each other: Client-Server API, "Forming relationships between events". Each accepted event
 * whose content has a whole m.relates_to has a row from the transaction in which it enters the stream (event_insert())
 * until it is redacted. Its parent may be unknown; then the row waits for it.
 *
 * What a relation means is not judged here, but for what a question says. Any thread; texts live in the given arena.
 */
#ifndef EXEUNT_STORE_RELATIONS_H
#define EXEUNT_STORE_RELATIONS_H

#include "store/rooms.h"

/* Numbers of the database. Any other type is minus the nid of its text in the table `types`. */
enum rel_type {
	REL_REPLACE = 1, REL_THREAD = 2, REL_REFERENCE = 3, /* events carry aggregations of these */
	REL_ANNOTATION = 4,
};

/* A page of the children of an event, in the order of the stream. */
struct relations_wish {
	int64_t parent;              /* nid */
	str rel_type, type;          /* of the children; empty: any */
	int64_t from, to;            /* from < pos <= to */
	bool newest_first;
	size_t limit;
	int64_t depth;               /* 1: children; more: also their children, as far as all between are wanted */
};
MUST_CHECK enum rc relations_page(struct txn_ro *txn, struct arena *arena, const struct relations_wish *wish,
                                  struct event_row **ret_events, size_t *ret_count, bool *ret_more);

/* Which children count. */
struct relation_scope {
	int64_t until_pos;           /* none after it */
	struct nids without;         /* none by these users */
};

/* The children of an event by one type of those that events carry aggregations of. */
struct relation_summary {
	int64_t parent;
	enum rel_type rel_type;
	int64_t count, oldest_pos;
	bool by_user;                /* one of them is by the user who asks */
};
/* Of all these events by one statement, in the order of their nids: what has no children costs one look into an index. */
MUST_CHECK enum rc relation_summaries(struct txn_ro *txn, struct arena *arena, struct nids parents, int64_t user,
                                      const struct relation_scope *scope, struct relation_summary **ret_summaries,
                                      size_t *ret_count);

struct relation_pair {
	int64_t parent, child;       /* nids */
};
/*
 * The most recent valid replacement of each that has one: by its sender, of its type, with m.new_content (or encrypted);
 * neither is a state event, and it is no replacement itself ("Validity of replacement events").
 */
MUST_CHECK enum rc relation_replacements(struct txn_ro *txn, struct arena *arena, struct nids parents,
                                         const struct relation_scope *scope, struct relation_pair **ret_pairs,
                                         size_t *ret_count);
/* The newest event of each thread of which one is the root: what is a child itself is none. */
MUST_CHECK enum rc relation_thread_ends(struct txn_ro *txn, struct arena *arena, struct nids roots,
                                        const struct relation_scope *scope, struct relation_pair **ret_pairs,
                                        size_t *ret_count);
/* The valid replacements of one event, most recent first. */
MUST_CHECK enum rc replacements_of(struct txn_ro *txn, struct arena *arena, int64_t parent,
                                   const struct relation_scope *scope, size_t limit, struct event_row **ret_events,
                                   size_t *ret_count);

/* A choice of children: NULL: any. */
struct relation_choice {
	const str *rel_types;
	size_t rel_type_count;
	const struct nids *senders;
};
/* Those of these events that have such a child, by nid. */
MUST_CHECK enum rc parents_with(struct txn_ro *txn, struct arena *arena, struct nids parents,
                                const struct relation_choice *choice, struct nids *ret_parents);

/* Whether the event is a child of another. False also for one that is not known in the room. */
MUST_CHECK enum rc relation_is_child(struct txn_ro *txn, int64_t room, str event_id, bool *ret_is_child);
/* The children that one user sent, of one type, oldest first. */
MUST_CHECK enum rc relations_by(struct txn_ro *txn, struct arena *arena, int64_t parent, enum rel_type rel_type,
                                int64_t sender, str type, size_t limit, struct event_row **ret_events,
                                size_t *ret_count);

struct thread_row {
	int64_t root;                /* nid */
	int64_t latest_pos;          /* of its newest event */
};
/* Threads of a room with latest_pos <= `to`, latest first. `participant`: only those that this user is in; 0: all. */
MUST_CHECK enum rc threads_of_room(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t to,
                                   int64_t participant, size_t limit, struct thread_row **ret_threads,
                                   size_t *ret_count);

#endif
