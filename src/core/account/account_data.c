#include "core/account/account_data.h"

#include "core/account/accounts_int.h"
#include "matrix/filter.h"
#include "matrix/ids.h"
#include "matrix/push_rules.h"
#include "store/ignored.h"
#include "store/rooms.h"

/* Lists of ignored users included. */
enum { ACCOUNT_DATA_SCRATCH_BYTES = 8 << 20 };

/* Client-Server API, "Server Behaviour" of client config: others may write these by their own endpoints only. */
static bool type_read_only(str type)
{
	return str_eq(type, STR("m.fully_read")) || str_eq(type, STR("m.push_rules"));
}

static enum rc type_check(str type, struct fail *fail)
{
	if (type.n == 0 || type.n > EVENT_TYPE_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM, "The type must have 1 to %d bytes",
		    EVENT_TYPE_MAX_BYTES);
	return RC_OK;
}

enum rc account_data_room(struct txn_ro *txn, struct arena *arena, int64_t user, str room_id,
    int64_t *ret_room, struct fail *fail)
{
	struct room_row room;
	struct member_row member;
	*ret_room = 0;
	if (room_id.n == 0)
		return RC_OK;
	if (!room_id_parse(room_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "The path holds no valid room ID");
	enum rc rc = room_find(txn, arena, room_id, &room);
	if (rc == RC_OK)
		rc = member_get(txn, arena, room.room, user, &member);
	if (rc == RC_NOT_FOUND)
		return fail_set(fail, RC_NOT_FOUND, "You have never been in this room");
	TRY(rc);
	*ret_room = room.room;
	return RC_OK;
}

struct account_data_write {
	const struct session *session;
	str room_id, type, content;
	const struct ignored_list *ignored; /* of m.ignored_user_list; else NULL */
};

static enum rc count_check(
    struct txn_ro *txn, int64_t user, int64_t room, str type, struct fail *fail)
{
	int64_t others;
	TRY(account_data_count_others(txn, user, room, type, ACCOUNT_DATA_TYPES_MAX, &others));
	if (others >= ACCOUNT_DATA_TYPES_MAX)
		return fail_set(fail, RC_TOO_LARGE, "There may be at most %d types of account data",
		    ACCOUNT_DATA_TYPES_MAX);
	return RC_OK;
}

static enum rc write_account_data(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct account_data_write *write = arg;
	const struct session *session = write->session;
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, ACCOUNT_DATA_SCRATCH_BYTES);
	int64_t room;
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	TRY(account_data_room(
	    txn_reading(txn), &scratch, session->user, write->room_id, &room, fail));
	TRY(count_check(txn_reading(txn), session->user, room, write->type, fail));
	if (write->ignored)
		TRY(ignored_users_set(
		    txn, &scratch, session->user, write->ignored->user_ids, write->ignored->count));
	return account_data_put(txn, session->user, room, write->type, write->content);
}

enum rc account_data_set(struct accounts *accounts, struct arena *arena,
    const struct session *session, str room_id, str type, json content, struct fail *fail)
{
	struct account_data_write write = {.session = session, .room_id = room_id, .type = type};
	struct ignored_list ignored;
	struct buf text;
	TRY(type_check(type, fail));
	if (type_read_only(type))
		return fail_set(
		    fail, RC_READ_ONLY_TYPE, "%.*s is managed by the server", STR_ARG(type));
	if (room_id.n == 0 && str_eq(type, STR("m.ignored_user_list"))) {
		TRY(ignored_list_read(arena, content, session->user_id, &ignored, fail));
		write.ignored = &ignored;
	}
	buf_init(&text, arena, SIZE_MAX);
	json_put(&text, content);
	TRY(buf_finish(&text, &write.content));
	return store_write(accounts->config.store, write_account_data, &write, fail);
}

enum rc account_data_read(struct accounts *accounts, struct arena *arena,
    const struct session *session, str room_id, str type, str *ret_content, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	int64_t room;
	TRY(type_check(type, fail));
	TRY(txn_ro_begin(accounts->config.store, &txn));
	TRY(account_data_room(txn, arena, session->user, room_id, &room, fail));
	enum rc rc = account_data_get(txn, arena, session->user, room, type, ret_content);
	if (room == 0 && str_eq(type, STR("m.push_rules")) && (rc == RC_OK || rc == RC_NOT_FOUND))
		return push_rules_content(
		    arena, session->user_id, rc == RC_OK ? *ret_content : STR_EMPTY, ret_content);
	return rc == RC_NOT_FOUND ? fail_set(fail, rc, "There is no account data of this type")
				  : rc;
}

enum rc account_data_show(
    struct arena *arena, str user_id, struct account_data_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].room == 0 && str_eq(rows[i].type, STR("m.push_rules")))
			TRY(push_rules_content(arena, user_id, rows[i].content, &rows[i].content));
	return RC_OK;
}

struct filter_write {
	const struct session *session;
	str text;
	int64_t filter_id;
};

static enum rc write_filter(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct filter_write *write = arg;
	const struct session *session = write->session;
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	return filter_put(txn, session->user, write->text, &write->filter_id);
}

enum rc accounts_filter_add(struct accounts *accounts, struct arena *arena,
    const struct session *session, json filter, int64_t *ret_filter_id, struct fail *fail)
{
	struct filter_write write = {.session = session};
	struct filter *parsed = arena_new(arena, struct filter);
	struct buf text;
	buf_init(&text, arena, FILTER_MAX_BYTES);
	json_put(&text, filter);
	enum rc rc = buf_finish(&text, &write.text);
	if (rc == RC_TOO_LARGE)
		return fail_set(fail, rc, "A filter may have at most %d bytes", FILTER_MAX_BYTES);
	TRY(rc);
	TRY(arena_status(arena));
	TRY(filter_parse(arena, write.text, parsed, fail));
	TRY(store_write(accounts->config.store, write_filter, &write, fail));
	*ret_filter_id = write.filter_id;
	return RC_OK;
}

enum rc accounts_filter_read(struct accounts *accounts, struct arena *arena,
    const struct session *session, str filter_id, str *ret_json, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	int64_t id;
	enum rc rc = str_to_i64(filter_id, 0, INT64_MAX, &id) ? RC_OK : RC_NOT_FOUND;
	if (rc == RC_OK) {
		TRY(txn_ro_begin(accounts->config.store, &txn));
		rc = filter_get(txn, arena, session->user, id, ret_json);
	}
	return rc == RC_NOT_FOUND ? fail_set(fail, rc, "You have no such filter") : rc;
}
