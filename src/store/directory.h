/*
 * The user directory: who can be found by a word of their name or user ID. Accounts are in it from the moment they are
 * made until they end, but for guests; users of other servers from their first join here. It follows in the transaction
 * of whatever changes the name.
 *
 * Words are folded (codec/fold.h, bare), cut at DIRECTORY_WORD_MAX_BYTES, and found by how they begin. The server's name
 * is no word of a user ID: it would find everybody.
 */
#ifndef EXEUNT_STORE_DIRECTORY_H
#define EXEUNT_STORE_DIRECTORY_H

#include "store/store.h"

enum {
	DIRECTORY_WORD_MAX_BYTES = 64,
	DIRECTORY_WORDS_MAX = 32, /* of one user; half of them of the user ID */
};

/*
 * The words of a text, at most `max`, folded and cut, in the order in which they stand. In a script that sets no blanks
 * between words, each character begins one that goes to the end.
 */
MUST_CHECK enum rc directory_words(
    struct arena *arena, str text, size_t max, str **ret_words, size_t *ret_count);

/* Once more as the account is now. Nothing for who has none. */
MUST_CHECK enum rc directory_follow_account(struct txn_rw *txn, int64_t user);
/* A user of another server; nothing for who has an account. */
MUST_CHECK enum rc directory_follow_member(
    struct txn_rw *txn, int64_t user, str user_id, str displayname, str avatar_url);

struct directory_entry {
	int64_t user;
	str user_id;
	str displayname, avatar_url; /* empty: none */
};
/*
 * Those with a word that begins with `prefix`, in the order of these words, at most `max`, each once. `*ret_more`: there
 * may be others.
 */
MUST_CHECK enum rc directory_find(struct txn_ro *txn, struct arena *arena, str prefix, size_t max,
    struct directory_entry **ret_entries, size_t *ret_count, bool *ret_more);

/* Whether both are joined to a room, or `user` is to one that all may join, or read (room_cards.h). */
MUST_CHECK enum rc user_is_known_to(
    struct txn_ro *txn, int64_t user, int64_t viewer, bool *ret_known);

#endif
