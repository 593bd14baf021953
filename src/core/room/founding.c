#include "core/room/founding_int.h"

enum { ROOM_ID_LETTERS = 18 };

static enum rc write_add(struct founding *founding, struct room_write **ret_write)
{
	if (founding->count == founding->capacity) {
		size_t capacity = founding->capacity ? founding->capacity * 2 : 16;
		founding->writes = arena_grow(founding->arena, founding->writes,
		                              founding->capacity * sizeof(struct room_write),
		                              capacity * sizeof(struct room_write));
		TRY(arena_status(founding->arena));
		founding->capacity = capacity;
	}
	*ret_write = &founding->writes[founding->count++];
	**ret_write = (struct room_write){.head = founding->head};
	return RC_OK;
}

/*
 * A room ID of v12 is the hash of the create event: two alike rooms of one creator would be one room, were they made
 * in the same millisecond. So each room of this process has its own.
 */
static int64_t creation_time(struct rooms *rooms)
{
	int64_t now_ms = clock_wall_ms(rooms->config.clock);
	int64_t newest = __atomic_load_n(&rooms->newest_create_ms, __ATOMIC_RELAXED), chosen;
	do
		chosen = now_ms > newest ? now_ms : newest + 1;
	while (!__atomic_compare_exchange_n(&rooms->newest_create_ms, &newest, chosen, true, __ATOMIC_RELAXED,
	                                    __ATOMIC_RELAXED));
	return chosen;
}

enum rc founding_begin(struct founding *founding)
{
	struct rooms *rooms = founding->rooms;
	str room_id = STR_EMPTY; /* v12: the create event's */
	if (!founding->version->room_id_from_create) {
		str letters = rng_text(rooms->config.rng, founding->arena, RNG_ALPHANUMERIC, ROOM_ID_LETTERS);
		room_id = arena_printf(founding->arena, "!%.*s:%.*s", STR_ARG(letters),
		                       STR_ARG(rooms->config.identity->server_name));
	}
	TRY(arena_status(founding->arena));
	founding->head = head_new(rooms, room_id);
	if (!founding->head)
		return RC_NOMEM;
	founding->head->is_new = true;
	founding->head->version = founding->version;
	build_begin(&founding->build, founding->head, founding->arena, founding->fail);
	return RC_OK;
}

void founding_release(struct founding *founding)
{
	build_end(&founding->build);
	head_free(TAKE(founding->head));
}

enum rc founding_add(struct founding *founding, str type, str state_key, str content)
{
	struct event event;
	struct event_request request = {
		.actor = *founding->actor, .type = type, .is_state = true, .state_key = state_key, .content = content};
	struct room_write *write;
	request.actor.device = 0;
	if (founding->count == 0)
		request.origin_server_ts = creation_time(founding->rooms);
	TRY(build_event(&founding->build, &request, &event));
	if (founding->head->room_id.n == 0)
		founding->head->room_id = event.room_id;
	TRY(write_add(founding, &write));
	write_fill(write, &founding->build, &event, &request);
	return head_advance(founding->head, &event, write->seq);
}

enum rc founding_add_text(struct founding *founding, str type, str key, str value)
{
	struct buf buf;
	str content;
	buf_init(&buf, founding->arena, EVENT_MAX_BYTES);
	buf_putc(&buf, '{');
	json_put_key(&buf, key);
	json_put_text(&buf, value);
	if (str_eq(key, STR("topic"))) {
		buf_put(&buf, STR(",\"m.topic\":{\"m.text\":[{\"body\":"));
		json_put_text(&buf, value);
		buf_put(&buf, STR("}]}"));
	}
	buf_putc(&buf, '}');
	TRY(buf_finish(&buf, &content));
	return founding_add(founding, type, STR_EMPTY, content);
}

enum rc founding_gate(struct founding *founding, enum membership membership, str user_id)
{
	struct membership_step step = {membership, founding->actor->user, founding->actor->generation, user_id};
	struct txn_ro *txn;
	TRY(build_txn(&founding->build, &txn));
	return membership_gate(txn, founding->arena, &step, founding->fail);
}

enum rc founding_add_member(struct founding *founding, enum membership membership, str user_id, str reason, str extra)
{
	str content;
	bool with_profile = membership == MEMBERSHIP_JOIN || membership == MEMBERSHIP_INVITE;
	TRY(membership_content(&founding->build, membership, user_id, with_profile, reason, extra, &content));
	return founding_add(founding, STR("m.room.member"), user_id, content);
}

enum rc founding_write(struct founding *founding, struct txn_rw *txn, bool is_public, int64_t *ret_room,
                       struct fail *fail)
{
	int64_t room, newest = 0;
	enum rc rc = room_add(txn, founding->head->room_id, founding->version->name, is_public, &room);
	if (rc != RC_OK)
		return rc == RC_EXISTS ? RC_CONFLICT : rc; /* the clock went back over a restart: trying again helps */
	for (size_t i = 0; i < founding->count; i++) {
		struct room_write *write = &founding->writes[i];
		write->insert.room = write->news.room = room;
		write->insert.expected_head = newest;
		TRY(write_run(txn, write, fail));
		newest = write->news.event;
	}
	*ret_room = room;
	return RC_OK;
}

void founding_tell(const struct founding *founding)
{
	const struct rooms_config *config = &founding->rooms->config;
	for (size_t i = 0; config->on_event && i < founding->count; i++)
		config->on_event(config->news_self, &founding->writes[i].news);
}
