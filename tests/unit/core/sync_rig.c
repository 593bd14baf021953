#include "sync_rig.h"

#include <stdlib.h>

enum { ANSWER_BYTES = 64 << 20, TYPING_MAX_MS = 30000 };

int sync_rig_setup(void **state)
{
	struct sync_rig *rig = calloc(1, sizeof *rig);
	void *room;
	if (room_rig_setup(&room) != 0)
		return 1;
	rig->room = room;
	struct syncs_config config = {.store = rig->room->store->store, .clock = &rig->room->store->clock,
		.typing_timeout_max_ms = TYPING_MAX_MS};
	if (notifier_new(&rig->notifier) != RC_OK)
		return 1;
	const struct push_config push = {.store = config.store};
	if (push_new(&push, &rig->push) != RC_OK)
		return 1;
	config.notifier = rig->notifier;
	config.push = rig->push;
	if (syncs_new(&config, &rig->syncs) != RC_OK)
		return 1;
	*state = rig;
	return 0;
}

int sync_rig_teardown(void **state)
{
	struct sync_rig *rig = *state;
	void *room = rig->room;
	syncs_free(rig->syncs);
	push_free(rig->push);
	int rc = room_rig_teardown(&room);
	notifier_free(rig->notifier);
	free(rig);
	return rc;
}

struct client client_of(const struct actor *actor)
{
	return (struct client){.session = {.user = actor->user, .generation = actor->generation,
		.user_id = actor->user_id, .device = actor->device}};
}

enum rc client_try(struct sync_rig *rig, struct client *client, struct fail *fail, json *ret_answer)
{
	struct arena *arena = &rig->room->arena;
	struct filter filter;
	struct buf out;
	struct sync_request request = {.session = &client->session, .since = client->since,
		.full_state = client->full_state, .use_state_after = client->use_state_after};
	if (client->filter) {
		assert_rc(filter_parse(arena, str_of(client->filter), &filter, fail), RC_OK);
		request.filter = &filter;
	}
	buf_init(&out, arena, ANSWER_BYTES);
	TRY(sync_answer(rig->syncs, arena, &request, &out, &client->mark, fail));
	*ret_answer = room_json(rig->room, buf_str(&out));
	client->empty = client->mark.empty;
	client->since = json_get_text(*ret_answer, STR("next_batch"));
	return RC_OK;
}

json client_sync(struct sync_rig *rig, struct client *client)
{
	struct fail fail = {0};
	json answer = NULL;
	enum rc rc = client_try(rig, client, &fail, &answer);
	if (rc != RC_OK)
		fail_msg("sync: %s: %s", rc_name(rc), fail.message);
	return answer;
}

json dig(json from, const char *path)
{
	str rest = str_of(path), key;
	while (from && str_split(&rest, '/', &key))
		from = json_get(from, key);
	return from;
}

json room_in(json answer, const char *section, str room_id)
{
	return json_get(json_get(json_get(answer, STR("rooms")), str_of(section)), room_id);
}

size_t events_at(json room, const char *path)
{
	json events = json_get(dig(room, path), STR("events"));
	return events ? json_count(events) : 0;
}

json event_of(json room, const char *path, const char *type, str state_key)
{
	json events = json_get(dig(room, path), STR("events")), found = NULL, event;
	struct json_iter iter = json_iter(events);
	while (events && json_next(&iter, NULL, &event))
		if (str_eq(json_get_text(event, STR("type")), str_of(type)) &&
		    str_eq(json_get_text(event, STR("state_key")), state_key))
			found = event;
	return found;
}
