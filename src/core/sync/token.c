/* The tokens of /sync and of pagination: positions with the tag of this store behind them. */
#include "core/sync/sync_int.h"

enum { TOKEN_MAX_BYTES = 96 };

void sync_since_put(struct buf *out, const struct syncs *syncs, struct sync_position position)
{
	buf_printf(out, "s%lld_%lld_", (long long)position.pos, (long long)position.typing_serial);
	if (position.to_device < position.pos)
		buf_printf(out, "%lld_", (long long)position.to_device);
	buf_put(out, syncs->tag);
}

/* "<pos>_<serial>_" and, maybe, "<to_device>_" before the tag. */
static bool since_read(str text, struct sync_position *ret_since, str *ret_tag)
{
	str pos, serial, third;
	if (!str_split(&text, '_', &pos) || !str_to_i64(pos, 0, INT64_MAX, &ret_since->pos) ||
	    !str_split(&text, '_', &serial) ||
	    !str_to_i64(serial, 0, INT64_MAX, &ret_since->typing_serial) ||
	    !str_split(&text, '_', &third))
		return false;
	ret_since->to_device = ret_since->pos;
	*ret_tag = third;
	return !text.p || (str_to_i64(third, 0, ret_since->pos, &ret_since->to_device) &&
			      str_split(&text, '_', ret_tag) && !text.p);
}

enum rc sync_since_parse(struct syncs *syncs, str token, struct sync_position *ret_since, struct fail *fail)
{
	struct sync_position since = {0};
	str tag;
	bool right = token.n <= TOKEN_MAX_BYTES && str_starts(token, STR("s")) &&
		     since_read(str_from(token, 1), &since, &tag) && str_eq(tag, syncs->tag);
	if (right)
		TRY(store_has_position(syncs->config.store, since.pos, &right));
	if (!right)
		return fail_set(fail, RC_INVALID_PARAM, "since: this is not a sync token of this server");
	*ret_since = since;
	return RC_OK;
}

str sync_position_token(struct syncs *syncs, struct arena *arena, int64_t pos)
{
	return arena_printf(arena, "t%lld_%.*s", (long long)pos, STR_ARG(syncs->tag));
}

/* Clients pass the tokens of both kinds of sync to /messages as well: all forms are taken. */
enum rc sync_position_parse(struct syncs *syncs, str token, int64_t *ret_pos, struct fail *fail)
{
	struct sync_position since = {0};
	if (sync_since_parse(syncs, token, &since, NULL) == RC_OK) {
		*ret_pos = since.pos;
		return RC_OK;
	}
	if (sync_pos_parse(syncs, token, ret_pos))
		return RC_OK;
	str rest = str_from(token, 1), pos, tag;
	if (token.n <= TOKEN_MAX_BYTES && str_starts(token, STR("t")) && str_split(&rest, '_', &pos) &&
	    str_split(&rest, '_', &tag) && !rest.p && str_eq(tag, syncs->tag) &&
	    str_to_i64(pos, 0, INT64_MAX, ret_pos))
		return RC_OK;
	return fail_set(fail, RC_INVALID_PARAM, "This is not a pagination token of this server");
}
