#include "core/room/cards.h"

static void put_unless_empty(struct buf *out, str key, str value)
{
	if (value.n == 0)
		return;
	json_put_key(out, key);
	json_put_text(out, value);
}

static void put_bool(struct buf *out, str key, bool value)
{
	json_put_key(out, key);
	buf_put(out, value ? STR("true") : STR("false"));
}

void card_put(struct buf *out, const struct room_card *card)
{
	json_put_key(out, STR("room_id"));
	json_put_text(out, card->room_id);
	json_put_key(out, STR("num_joined_members"));
	buf_put_i64(out, card->joined);
	put_bool(out, STR("world_readable"), card->world_readable);
	put_bool(out, STR("guest_can_join"), card->guest_can_join);
	json_put_key(out, STR("join_rule"));
	json_put_text(out, card->join_rule.n ? card->join_rule : STR("invite"));
	put_unless_empty(out, STR("name"), card->name);
	put_unless_empty(out, STR("topic"), card->topic);
	put_unless_empty(out, STR("canonical_alias"), card->canonical_alias);
	put_unless_empty(out, STR("avatar_url"), card->avatar_url);
	put_unless_empty(out, STR("room_type"), card->room_type);
}
