#include "core/account/user_directory.h"

#include "codec/fold.h"
#include "core/account/accounts_int.h"
#include "matrix/ids.h"
#include "store/directory.h"

#include <stdlib.h>

enum { TERM_WORDS_MAX = 8 };

/* What is asked for, folded. */
struct wanted {
	str term;   /* without the sigil of a user ID */
	str domain; /* how the server's name must begin; empty: any */
	str words[TERM_WORDS_MAX];
	size_t count;
};

/* How well somebody fits: less is better. */
enum fit { FIT_WHOLE_ID, FIT_WHOLE_NAME, FIT_ID_BEGINS, FIT_NAME_BEGINS, FIT_WORDS, FIT_NOT };

struct candidate {
	const struct directory_entry *entry;
	enum fit fit;
};

static enum rc wanted_read(struct arena *arena, str term, struct wanted *ret_wanted)
{
	struct wanted wanted = {0};
	str folded = STR_EMPTY, *words;
	TRY(text_fold_bare(arena, str_trim(term), &folded));
	wanted.term = str_starts(folded, STR("@")) ? str_from(folded, 1) : folded;
	size_t colon = str_find(wanted.term, ':');
	wanted.domain = str_from(wanted.term, colon + 1);
	TRY(directory_words(
	    arena, str_first(wanted.term, colon), TERM_WORDS_MAX, &words, &wanted.count));
	for (size_t i = 0; i < wanted.count; i++)
		wanted.words[i] = words[i];
	*ret_wanted = wanted;
	return RC_OK;
}

/* That which fewest have. */
static str longest_word(const struct wanted *wanted)
{
	str longest = wanted->words[0];
	for (size_t i = 1; i < wanted->count; i++)
		if (wanted->words[i].n > longest.n)
			longest = wanted->words[i];
	return longest;
}

static bool any_begins(const str *words, size_t count, str with)
{
	for (size_t i = 0; i < count; i++)
		if (str_starts(words[i], with))
			return true;
	return false;
}

static enum rc has_words(
    struct arena *arena, const struct wanted *wanted, str localpart, str displayname, bool *ret_has)
{
	str *of_id, *of_name;
	size_t of_id_count, of_name_count;
	TRY(directory_words(arena, localpart, DIRECTORY_WORDS_MAX / 2, &of_id, &of_id_count));
	TRY(directory_words(arena, displayname, DIRECTORY_WORDS_MAX / 2, &of_name, &of_name_count));
	*ret_has = true;
	for (size_t i = 0; i < wanted->count; i++)
		*ret_has = *ret_has && (any_begins(of_id, of_id_count, wanted->words[i]) ||
					   any_begins(of_name, of_name_count, wanted->words[i]));
	return RC_OK;
}

static enum rc fit_of(struct arena *scratch, const struct wanted *wanted,
    const struct directory_entry *entry, enum fit *ret_fit)
{
	struct id_parts parts;
	str id = STR_EMPTY, localpart = STR_EMPTY, name = STR_EMPTY;
	bool has = false;
	*ret_fit = FIT_NOT;
	if (!user_id_parse(entry->user_id, &parts))
		return RC_OK;
	TRY(text_fold_bare(scratch, str_from(entry->user_id, 1), &id));
	TRY(text_fold_bare(scratch, parts.localpart, &localpart));
	TRY(text_fold_bare(scratch, entry->displayname, &name));
	TRY(has_words(scratch, wanted, parts.localpart, entry->displayname, &has));
	if (!has || !str_starts(str_from(id, localpart.n + 1), wanted->domain))
		return RC_OK;
	if (str_eq(id, wanted->term) || str_eq(localpart, wanted->term))
		*ret_fit = FIT_WHOLE_ID;
	else if (str_eq(name, wanted->term))
		*ret_fit = FIT_WHOLE_NAME;
	else if (str_starts(id, wanted->term))
		*ret_fit = FIT_ID_BEGINS;
	else
		*ret_fit = str_starts(name, wanted->term) ? FIT_NAME_BEGINS : FIT_WORDS;
	return RC_OK;
}

/* Then who has a name before who has none. */
static int by_fit(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->fit != y->fit)
		return x->fit < y->fit ? -1 : 1;
	bool named = x->entry->displayname.n > 0;
	if (named != (y->entry->displayname.n > 0))
		return named ? -1 : 1;
	return str_cmp(x->entry->user_id, y->entry->user_id);
}

static enum rc candidates_rank(struct arena *arena, const struct wanted *wanted,
    const struct directory_entry *entries, size_t count, struct candidate **ret_candidates,
    size_t *ret_count)
{
	struct arena scratch CLEANUP(arena_release);
	struct candidate *candidates = arena_array(arena, struct candidate, count);
	size_t fitting = 0;
	arena_init(&scratch, ACCOUNT_SCRATCH_BYTES);
	TRY(arena_status(arena));
	for (size_t i = 0; i < count; i++) {
		struct candidate *candidate = &candidates[fitting];
		arena_clear(&scratch);
		candidate->entry = &entries[i];
		TRY(fit_of(&scratch, wanted, &entries[i], &candidate->fit));
		fitting += candidate->fit != FIT_NOT;
	}
	if (fitting > 0)
		qsort(candidates, fitting, sizeof *candidates, by_fit);
	*ret_candidates = candidates;
	*ret_count = fitting;
	return RC_OK;
}

static bool is_ours(const struct accounts *accounts, str user_id)
{
	struct id_parts parts;
	return user_id_parse(user_id, &parts) && str_eq(parts.domain, accounts->config.server_name);
}

static enum rc may_be_shown(struct accounts *accounts, struct txn_ro *txn,
    const struct session *session, const struct directory_entry *entry, bool *ret_may)
{
	*ret_may = false;
	if (entry->user == session->user)
		return RC_OK;
	*ret_may = accounts->config.directory_shows_all && is_ours(accounts, entry->user_id);
	return *ret_may ? RC_OK : user_is_known_to(txn, entry->user, session->user, ret_may);
}

static void put_member(struct buf *out, str key, str value)
{
	if (value.n == 0)
		return;
	json_put_key(out, key);
	json_put_text(out, value);
}

static void put_result(struct buf *out, const struct directory_entry *entry)
{
	json_put_comma(out);
	buf_putc(out, '{');
	put_member(out, STR("user_id"), entry->user_id);
	put_member(out, STR("display_name"), entry->displayname);
	put_member(out, STR("avatar_url"), entry->avatar_url);
	buf_putc(out, '}');
}

/* `*ret_limited`: there was somebody for whom there was no place. */
static enum rc put_results(struct accounts *accounts, struct arena *arena, struct txn_ro *txn,
    const struct session *session, const struct wanted *wanted, size_t limit, struct buf *out,
    bool *ret_limited)
{
	struct directory_entry *entries;
	struct candidate *candidates;
	size_t count, put = 0;
	bool more = false;
	TRY(directory_find(
	    txn, arena, longest_word(wanted), DIRECTORY_LOOK_MAX, &entries, &count, &more));
	TRY(candidates_rank(arena, wanted, entries, count, &candidates, &count));
	for (size_t i = 0; i < count && put <= limit; i++) {
		bool may = false;
		TRY(may_be_shown(accounts, txn, session, candidates[i].entry, &may));
		if (may && put++ < limit)
			put_result(out, candidates[i].entry);
	}
	*ret_limited = more || put > limit;
	return RC_OK;
}

enum rc user_directory_search(struct accounts *accounts, struct arena *arena,
    const struct session *session, str term, size_t limit, struct buf *out, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct wanted wanted;
	bool limited = false;
	if (term.n > DIRECTORY_TERM_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM, "search_term may have at most %d bytes",
		    DIRECTORY_TERM_MAX_BYTES);
	TRY(wanted_read(arena, term, &wanted));
	buf_put(out, STR("{\"results\":["));
	if (wanted.count > 0) {
		TRY(txn_ro_begin(accounts->config.store, &txn));
		TRY(put_results(accounts, arena, txn, session, &wanted,
		    limit < DIRECTORY_LIMIT_MAX ? limit : DIRECTORY_LIMIT_MAX, out, &limited));
	}
	buf_printf(out, "],\"limited\":%s}", limited ? "true" : "false");
	return buf_status(out);
}
