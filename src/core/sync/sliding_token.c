/* The token of a connection: where its answer went up to, and the state that it left. */
#include "core/sync/sliding_int.h"

enum { TOKEN_MAX_BYTES = 128 };

void sliding_token_put(struct buf *out, const struct syncs *syncs, struct sliding_token token)
{
	buf_printf(out, "p%lld_%lld_%lld_%lld_%.*s", (long long)token.position.pos,
	    (long long)token.position.typing_serial, (long long)token.place.connection,
	    (long long)token.place.version, STR_ARG(syncs->tag));
}

static bool take(str *rest, int64_t *ret_number)
{
	str digits;
	return str_split(rest, '_', &digits) && str_to_i64(digits, 0, INT64_MAX, ret_number);
}

bool sliding_token_read(const struct syncs *syncs, str text, struct sliding_token *ret_token)
{
	struct sliding_token token = {0};
	str rest = str_from(text, 1);
	bool right = text.n <= TOKEN_MAX_BYTES && str_starts(text, STR("p")) &&
		     take(&rest, &token.position.pos) &&
		     take(&rest, &token.position.typing_serial) &&
		     take(&rest, &token.place.connection) && take(&rest, &token.place.version) &&
		     rest.p && str_eq(rest, syncs->tag);
	if (right)
		*ret_token = token;
	return right;
}

bool sync_pos_parse(const struct syncs *syncs, str token, int64_t *ret_pos)
{
	struct sliding_token read;
	if (!sliding_token_read(syncs, token, &read))
		return false;
	*ret_pos = read.position.pos;
	return true;
}
