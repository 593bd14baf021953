/* Server-Server API, "Auth events selection". */
#include "graph/auth.h"

struct key_list {
	struct auth_key *keys;
	size_t count;
};

static void add(struct key_list *list, str type, str state_key)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_eq(list->keys[i].type, type) && str_eq(list->keys[i].state_key, state_key))
			return; /* the sender is the target, or authorises the own join */
	list->keys[list->count++] = (struct auth_key){type, state_key};
}

static void add_for_member(struct key_list *list, const struct room_version *version, str target, json content)
{
	str membership = json_get_text(content, STR("membership"));
	bool joins = str_eq(membership, STR("join")), invites = str_eq(membership, STR("invite"));
	str authoriser = json_get_text(content, STR("join_authorised_via_users_server"));
	json invite = json_get(content, STR("third_party_invite"));
	str token;
	add(list, STR("m.room.member"), target);
	if (joins || invites || str_eq(membership, STR("knock")))
		add(list, STR("m.room.join_rules"), STR_EMPTY);
	if (invites && json_text(json_get(json_get(invite, STR("signed")), STR("token")), &token))
		add(list, STR("m.room.third_party_invite"), token);
	if (joins && authoriser.n && version->restricted_join)
		add(list, STR("m.room.member"), authoriser);
}

size_t auth_keys(const struct room_version *version, str type, bool is_state, str state_key, str sender,
                 json content, struct auth_key ret_keys[AUTH_KEYS_MAX])
{
	struct key_list list = {.keys = ret_keys};
	if (str_eq(type, STR("m.room.create")))
		return 0;
	if (version->create_in_auth_events)
		add(&list, STR("m.room.create"), STR_EMPTY);
	add(&list, STR("m.room.power_levels"), STR_EMPTY);
	add(&list, STR("m.room.member"), sender);
	if (is_state && str_eq(type, STR("m.room.member")))
		add_for_member(&list, version, state_key, content);
	return list.count;
}
