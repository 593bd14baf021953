/* Server-side key backups: Client-Server API, same heading. */
#include "api/endpoints.h"

#include "core/keys/backup.h"

#include <inttypes.h>

enum {
	BACKUP_ANSWER_MAX_BYTES = 2 * BACKUP_AUTH_DATA_MAX_BYTES,
	KEYS_ANSWER_MAX_BYTES =
	    512 << 20, /* the memory of one request is less, unless it is set higher */
};

struct version_body {
	str algorithm, version;
	json auth_data;
};

static enum rc version_body_read(struct api_request *rq, struct version_body *ret_body)
{
	const struct field fields[] = {
	    {"algorithm", FIELD_TEXT, true, 1, BACKUP_ALGORITHM_MAX_BYTES,
		offsetof(struct version_body, algorithm)},
	    {"auth_data", FIELD_OBJECT, true, 0, 0, offsetof(struct version_body, auth_data)},
	    {"version", FIELD_TEXT, false, 0, 0, offsetof(struct version_body, version)},
	};
	*ret_body = (struct version_body){0};
	return api_read_body(rq, fields, COUNT_OF(fields), ret_body);
}

/* POST /room_keys/version */
enum rc client_backup_create(struct api_request *rq)
{
	struct version_body body;
	int64_t version;
	TRY(version_body_read(rq, &body));
	TRY(backup_create(rq->ctx->store, rq->arena, &rq->session, body.algorithm, body.auth_data,
	    &version, &rq->fail));
	str answer = arena_printf(rq->arena, "{\"version\":\"%" PRId64 "\"}", version);
	TRY(arena_status(rq->arena));
	return api_answer(rq, 200, answer);
}

static enum rc version_answer(struct api_request *rq, str version)
{
	struct buf out;
	buf_init(&out, rq->arena, BACKUP_ANSWER_MAX_BYTES);
	TRY(backup_answer(rq->ctx->store, rq->arena, &rq->session, version, &out, &rq->fail));
	return api_answer_buf(rq, &out);
}

/* GET /room_keys/version */
enum rc client_backup_current(struct api_request *rq)
{
	return version_answer(rq, STR_EMPTY);
}

/* GET /room_keys/version/{version} */
enum rc client_backup(struct api_request *rq)
{
	return version_answer(rq, rq->path_params[0]);
}

/* PUT /room_keys/version/{version} */
enum rc client_backup_update(struct api_request *rq)
{
	struct version_body body;
	str version = rq->path_params[0];
	TRY(version_body_read(rq, &body));
	if (body.version.p && !str_eq(body.version, version))
		return fail_set(&rq->fail, RC_INVALID_PARAM, "version is not the one in the path");
	TRY(backup_update(rq->ctx->store, rq->arena, &rq->session, version, body.algorithm,
	    body.auth_data, &rq->fail));
	return api_answer_empty_object(rq);
}

/* DELETE /room_keys/version/{version} */
enum rc client_backup_delete(struct api_request *rq)
{
	TRY(backup_delete(rq->ctx->store, rq->arena, &rq->session, rq->path_params[0], &rq->fail));
	return api_answer_empty_object(rq);
}

/* ---- keys ---- */

/* The keys that path and query name. */
static enum rc wish_read(struct api_request *rq, struct buf *out, struct backup_wish *ret_wish)
{
	struct backup_wish wish = {
	    .store = rq->ctx->store,
	    .arena = rq->arena,
	    .session = &rq->session,
	    .room_id = rq->path_param_count > 0 ? rq->path_params[0] : STR_EMPTY,
	    .session_id = rq->path_param_count > 1 ? rq->path_params[1] : STR_EMPTY,
	    .out = out,
	    .fail = &rq->fail,
	};
	TRY(api_query(rq, STR("version"), &wish.version));
	if (!wish.version.n)
		return fail_set(
		    &rq->fail, RC_MISSING_PARAM, "The query parameter version is missing");
	buf_init(out, rq->arena, KEYS_ANSWER_MAX_BYTES);
	*ret_wish = wish;
	return RC_OK;
}

struct key_fields {
	int64_t first_message_index, forwarded_count;
	bool is_verified;
	json session_data;
};

static enum rc key_read(
    struct api_request *rq, str room_id, str session_id, json value, struct backed_up_key *ret_key)
{
	const struct field fields[] = {
	    {"first_message_index", FIELD_INTEGER, true, 0, JSON_INTEGER_MAX,
		offsetof(struct key_fields, first_message_index)},
	    {"forwarded_count", FIELD_INTEGER, true, 0, JSON_INTEGER_MAX,
		offsetof(struct key_fields, forwarded_count)},
	    {"is_verified", FIELD_BOOL, true, 0, 0, offsetof(struct key_fields, is_verified)},
	    {"session_data", FIELD_OBJECT, true, 0, 0, offsetof(struct key_fields, session_data)},
	};
	struct key_fields read = {0};
	struct buf data;
	if (!json_is_object(value))
		return fail_set(&rq->fail, RC_BAD_JSON, "Each session must be an object");
	TRY(api_read_object(rq, value, fields, COUNT_OF(fields), &read));
	*ret_key = (struct backed_up_key){
	    .room_id = room_id,
	    .session_id = session_id,
	    .first_message_index = read.first_message_index,
	    .forwarded_count = read.forwarded_count,
	    .is_verified = read.is_verified,
	};
	buf_init(&data, rq->arena, BODY_BULK_MAX_BYTES);
	json_put(&data, read.session_data);
	TRY(buf_finish(&data, &ret_key->session_data));
	return backup_key_check(ret_key, &rq->fail);
}

struct key_list {
	struct backed_up_key *keys;
	size_t count;
};

static enum rc sessions_of(struct api_request *rq, json room, json *ret_sessions)
{
	*ret_sessions = json_get(room, STR("sessions"));
	if (!*ret_sessions && json_is_object(room))
		return fail_set(&rq->fail, RC_MISSING_PARAM, "sessions is missing");
	if (!json_is_object(*ret_sessions))
		return fail_set(
		    &rq->fail, RC_BAD_JSON, "Each room must be an object with an object sessions");
	return RC_OK;
}

/* `list` has room for them. */
static enum rc sessions_read(
    struct api_request *rq, str room_id, json sessions, struct key_list *list)
{
	struct json_iter iter = json_iter(sessions);
	str session_id;
	json value;
	while (json_next(&iter, &session_id, &value))
		TRY(key_read(rq, room_id, session_id, value, &list->keys[list->count++]));
	return RC_OK;
}

static enum rc keys_put(
    struct api_request *rq, const struct backup_wish *wish, const struct key_list *list)
{
	TRY(backup_keys_put(wish, list->keys, list->count));
	return api_answer_buf(rq, wish->out);
}

/* PUT /room_keys/keys */
enum rc client_backup_keys_put(struct api_request *rq)
{
	struct buf out;
	struct backup_wish wish;
	struct key_list list = {0};
	json rooms = json_get(rq->body, STR("rooms")), room, sessions;
	str room_id;
	size_t total = 0;
	TRY(wish_read(rq, &out, &wish));
	if (!rooms)
		return fail_set(&rq->fail, RC_MISSING_PARAM, "rooms is missing");
	if (!json_is_object(rooms))
		return fail_set(&rq->fail, RC_BAD_JSON, "rooms must be an object");
	struct json_iter iter = json_iter(rooms);
	while (json_next(&iter, NULL, &room)) {
		TRY(sessions_of(rq, room, &sessions));
		total += json_count(sessions);
	}
	list.keys = arena_array(rq->arena, struct backed_up_key, total);
	TRY(arena_status(rq->arena));
	iter = json_iter(rooms);
	while (json_next(&iter, &room_id, &room))
		TRY(sessions_read(rq, room_id, json_get(room, STR("sessions")), &list));
	return keys_put(rq, &wish, &list);
}

/* PUT /room_keys/keys/{roomId} */
enum rc client_backup_room_put(struct api_request *rq)
{
	struct buf out;
	struct backup_wish wish;
	struct key_list list = {0};
	json sessions;
	TRY(wish_read(rq, &out, &wish));
	TRY(sessions_of(rq, rq->body, &sessions));
	list.keys = arena_array(rq->arena, struct backed_up_key, json_count(sessions));
	TRY(arena_status(rq->arena));
	TRY(sessions_read(rq, wish.room_id, sessions, &list));
	return keys_put(rq, &wish, &list);
}

/* PUT /room_keys/keys/{roomId}/{sessionId} */
enum rc client_backup_session_put(struct api_request *rq)
{
	struct buf out;
	struct backup_wish wish;
	struct backed_up_key key;
	TRY(wish_read(rq, &out, &wish));
	TRY(key_read(rq, wish.room_id, wish.session_id, rq->body, &key));
	return keys_put(rq, &wish, &(struct key_list){&key, 1});
}

/* GET /room_keys/keys, …/{roomId}, …/{roomId}/{sessionId} */
enum rc client_backup_keys(struct api_request *rq)
{
	struct buf out;
	struct backup_wish wish;
	TRY(wish_read(rq, &out, &wish));
	TRY(backup_keys_answer(&wish));
	return api_answer_buf(rq, &out);
}

/* DELETE /room_keys/keys, …/{roomId}, …/{roomId}/{sessionId} */
enum rc client_backup_keys_delete(struct api_request *rq)
{
	struct buf out;
	struct backup_wish wish;
	TRY(wish_read(rq, &out, &wish));
	TRY(backup_keys_delete(&wish));
	return api_answer_buf(rq, &out);
}
