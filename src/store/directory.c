#include "store/directory.h"

#include "codec/fold.h"
#include "store/accounts.h"
#include "store/directory_int.h"
#include "store/rooms.h"
#include "store/rows_int.h"
#include "store/store_int.h"
#include "store/texts_int.h"

enum { DIRECTORY_SCRATCH_BYTES = 1 << 20 };

/* ---- words ---- */

/* At most so many bytes of a text in UTF-8, whole characters. */
static str cut(str word)
{
	size_t n = word.n < DIRECTORY_WORD_MAX_BYTES ? word.n : DIRECTORY_WORD_MAX_BYTES;
	while (n > 0 && n < word.n && ((unsigned char)word.p[n] & 0xc0) == 0x80)
		n--;
	return str_first(word, n);
}

static size_t character_bytes(unsigned char lead)
{
	return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* U+3000 to U+D7FF, and the ideographs beyond U+20000: kana, Han and Hangul. */
static bool is_of_dense_script(unsigned char lead)
{
	return lead >= 0xe3 && (lead <= 0xed || lead == 0xf0);
}

static void word_add(struct texts *words, size_t max, str word)
{
	if (words->count < max)
		words->texts[words->count++] = cut(word);
}

static void words_add(struct texts *words, size_t max, str word)
{
	word_add(words, max, word);
	for (size_t at = 0; at < word.n; at += character_bytes((unsigned char)word.p[at]))
		if (at > 0 && is_of_dense_script((unsigned char)word.p[at]))
			word_add(words, max, str_from(word, at));
}

enum rc directory_words(
    struct arena *arena, str text, size_t max, str **ret_words, size_t *ret_count)
{
	struct texts words = {.texts = arena_array(arena, str, max)};
	str folded = STR_EMPTY, word;
	TRY(arena_status(arena));
	TRY(text_fold_bare(arena, text, &folded));
	while (words.count < max && text_next_word(&folded, &word))
		words_add(&words, max, word);
	*ret_words = words.texts;
	*ret_count = words.count;
	return RC_OK;
}

/* ---- who stands in it ---- */

static str localpart_of(str user_id)
{
	return str_from(str_first(user_id, str_find(user_id, ':')), 1);
}

static enum rc words_of(struct arena *arena, str user_id, str displayname, struct texts *ret_words)
{
	struct texts words = {.texts = arena_array(arena, str, DIRECTORY_WORDS_MAX)};
	const str texts[] = {localpart_of(user_id), displayname};
	TRY(arena_status(arena));
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		str *some;
		size_t count;
		TRY(directory_words(arena, texts[i], DIRECTORY_WORDS_MAX / 2, &some, &count));
		for (size_t at = 0; at < count; at++)
			words.texts[words.count++] = some[at];
	}
	texts_sort(&words);
	*ret_words = words;
	return RC_OK;
}

static enum rc words_write(
    struct txn_rw *txn, struct arena *scratch, int64_t user, const struct texts *words)
{
	struct texts before;
	TRY(texts_read(&txn->ro, scratch, STMT_directory_words_of, user, &before));
	return texts_write(
	    txn, user, &before, words, STMT_directory_word_remove, STMT_directory_word_add);
}

static enum rc entry_is_so(
    struct txn_ro *txn, int64_t user, str displayname, str avatar_url, bool *ret_so)
{
	struct query CLEANUP(query_close) q = QUERY(txn, directory_get, I(user));
	enum rc rc = query_step(&q);
	*ret_so = rc == RC_OK && str_eq(col_text(&q, 0), displayname) &&
		  str_eq(col_text(&q, 1), avatar_url);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc entry_put(
    struct txn_rw *txn, int64_t user, str user_id, str displayname, str avatar_url)
{
	struct arena CLEANUP(arena_release) scratch;
	struct texts words;
	bool so;
	arena_init(&scratch, DIRECTORY_SCRATCH_BYTES);
	TRY(entry_is_so(&txn->ro, user, displayname, avatar_url, &so));
	if (so)
		return RC_OK;
	TRY(words_of(&scratch, user_id, displayname, &words));
	TRY(RUN(txn, directory_put, I(user), T(displayname), T(avatar_url)));
	return words_write(txn, &scratch, user, &words);
}

enum rc directory_remove(struct txn_rw *txn, int64_t user)
{
	TRY(RUN(txn, directory_words_delete, I(user)));
	return RUN(txn, directory_delete, I(user));
}

enum rc directory_follow_account(struct txn_rw *txn, int64_t user)
{
	struct arena CLEANUP(arena_release) scratch;
	struct account account;
	arena_init(&scratch, DIRECTORY_SCRATCH_BYTES);
	enum rc rc = account_get(&txn->ro, &scratch, user, &account);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (account.kind == ACCOUNT_GUEST || account.deactivated_ms != 0)
		return directory_remove(txn, user);
	return entry_put(txn, user, account.user_id, account.displayname, account.avatar_url);
}

enum rc directory_follow_member(
    struct txn_rw *txn, int64_t user, str user_id, str displayname, str avatar_url)
{
	int64_t one;
	enum rc rc = NUMBER(&txn->ro, &one, account_exists, I(user));
	if (rc != RC_NOT_FOUND)
		return rc;
	return entry_put(txn, user, user_id, displayname, avatar_url);
}

/* ---- finding ---- */

static bool is_listed(const struct rows *rows, int64_t user)
{
	const struct directory_entry *entries = rows->first;
	for (size_t i = 0; i < rows->count; i++)
		if (entries[i].user == user)
			return true;
	return false;
}

enum rc directory_find(struct txn_ro *txn, struct arena *arena, str prefix, size_t max,
    struct directory_entry **ret_entries, size_t *ret_count, bool *ret_more)
{
	/* Behind all that begins with it: no character is greater than U+10FFFF. */
	str end = arena_printf(arena, "%.*s\xf4\x8f\xbf\xbf", STR_ARG(prefix));
	struct rows rows = ROWS(arena, struct directory_entry);
	TRY(arena_status(arena));
	struct query CLEANUP(query_close) q =
	    QUERY(txn, directory_find, T(prefix), T(end), I((int64_t)max));
	size_t seen = 0;
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		seen++;
		if (is_listed(&rows, col_i64(&q, 0)))
			continue;
		struct directory_entry *entry = rows_add(&rows);
		if (!entry)
			break;
		*entry = (struct directory_entry){col_i64(&q, 0), col_dup(&q, 1, arena),
		    col_dup(&q, 2, arena), col_dup(&q, 3, arena)};
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_entries = rows.first;
	*ret_count = rows.count;
	*ret_more = seen == max;
	return RC_OK;
}

enum rc user_is_known_to(struct txn_ro *txn, int64_t user, int64_t viewer, bool *ret_known)
{
	int64_t one;
	enum rc rc = NUMBER(txn, &one, user_is_known_to, I(user), I(MEMBERSHIP_JOIN), I(viewer));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_known = rc == RC_OK;
	return RC_OK;
}
