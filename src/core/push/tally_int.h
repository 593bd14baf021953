/*
 * Inside core/push: what notifies a user in a room and is not read, as a list: so receipts and redactions take out of it
 * without judging anything again. Pure; a tally being worked on lives in an arena.
 */
#ifndef EXEUNT_CORE_PUSH_TALLY_INT_H
#define EXEUNT_CORE_PUSH_TALLY_INT_H

#include "core/push/push.h"

enum { TALLY_THREADS_MAX = PUSH_UNREAD_MAX }; /* no more than items */

struct tally_item {
	int64_t pos;
	uint32_t thread; /* index; 0: the main timeline */
	bool highlight;
};

struct tally {
	int64_t upto;    /* events and receipts up to here are counted in */
	int64_t version; /* of the rules: position of their last change; 0: the server's */
	int64_t
	    moved_pos; /* that of the last change of rules by which the counts became others; 0: none */
	int64_t judged; /* events that would have to be judged again without a checkpoint, about */
	struct tally_item *items; /* oldest first, PUSH_UNREAD_MAX at most */
	size_t count;
	str *threads; /* ids of roots; [0] is empty */
	size_t thread_count;
};

/* Room for all that a tally may hold; empty. */
MUST_CHECK enum rc tally_init(struct arena *arena, struct tally *ret_tally);
/* The same with what another one holds; ids of threads are borrowed from it. */
MUST_CHECK enum rc tally_copy(
    struct arena *arena, const struct tally *from, struct tally *ret_tally);

/* `pos` is beyond those of all items. When there is no room the oldest goes that is no highlight, or else the oldest. */
MUST_CHECK enum rc tally_add(
    struct tally *tally, struct arena *arena, int64_t pos, str root, bool highlight);
void tally_remove(struct tally *tally, int64_t pos);
void tally_clear(struct tally *tally);
/* Takes out what receipts cover. */
void tally_read(struct tally *tally, const struct read_upto *receipts, size_t count);
/* Forgets threads without items. */
MUST_CHECK enum rc tally_pack(struct arena *arena, struct tally *tally);

bool tally_is_same(const struct tally *a, const struct tally *b); /* in what is unread */
/* Counts of what stands at most at `to`. */
MUST_CHECK enum rc tally_count(
    struct arena *arena, const struct tally *tally, int64_t to, struct push_unread *ret_unread);

/* As text for the store, and back. RC_CORRUPT: no such text. `upto` and `version` are not in it. */
MUST_CHECK enum rc tally_text(struct arena *arena, const struct tally *tally, str *ret_text);
MUST_CHECK enum rc tally_parse(struct arena *arena, str text, struct tally *ret_tally);

#endif
