#include "core/account/tags.h"

#include "core/account/accounts_int.h"

#define TAG_TYPE STR("m.tag")

/* Account data of the type may have been written as a whole, up to the size of a request's body. */
enum { TAG_SCRATCH_BYTES = 32 << 20 };

/* The content of m.tag and its tags. Whatever is no object counts as empty: clients may have written anything. */
struct tagging {
	json content, tags;
};

static enum rc tagging_read(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t room,
    struct tagging *ret_tagging)
{
	struct tagging tagging = {0};
	str text;
	enum rc rc = account_data_get(txn, arena, user, room, TAG_TYPE, &text);
	if (rc == RC_OK)
		rc = json_parse(arena, text, &tagging.content, NULL);
	else if (rc == RC_NOT_FOUND)
		rc = RC_OK;
	TRY(rc);
	tagging.tags = json_get(tagging.content, STR("tags"));
	*ret_tagging = tagging;
	return RC_OK;
}

/* Only what is a tag: its information is an object. */
static void put_tags(struct buf *out, json tags)
{
	struct json_iter iter = json_iter(json_is_object(tags) ? tags : NULL);
	str tag;
	json info;
	buf_putc(out, '{');
	while (json_next(&iter, &tag, &info)) {
		if (!json_is_object(info))
			continue;
		json_put_key(out, tag);
		json_put(out, info);
	}
	buf_putc(out, '}');
}

enum rc tags_put(struct accounts *accounts, struct arena *arena, const struct session *session,
    str room_id, struct buf *out, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct tagging tagging;
	int64_t room;
	TRY(txn_ro_begin(accounts->config.store, &txn));
	TRY(account_data_room(txn, arena, session->user, room_id, &room, fail));
	TRY(tagging_read(txn, arena, session->user, room, &tagging));
	buf_put(out, STR("{\"tags\":"));
	put_tags(out, tagging.tags);
	buf_putc(out, '}');
	return buf_status(out);
}

static void put_all_but(struct buf *out, json object, str left_out)
{
	struct json_iter iter = json_iter(json_is_object(object) ? object : NULL);
	str key;
	json value;
	while (json_next(&iter, &key, &value)) {
		if (str_eq(key, left_out))
			continue;
		json_put_key(out, key);
		json_put(out, value);
	}
}

struct tag_write {
	const struct session *session;
	str room_id, tag;
	str info; /* JSON; empty: the tag goes */
};

static enum rc changed_write(struct txn_rw *txn, struct arena *scratch,
    const struct tagging *tagging, int64_t room, const struct tag_write *write)
{
	struct buf content;
	str text;
	buf_init(&content, scratch, TAG_SCRATCH_BYTES);
	buf_putc(&content, '{');
	put_all_but(&content, tagging->content, STR("tags"));
	json_put_key(&content, STR("tags"));
	buf_putc(&content, '{');
	put_all_but(&content, tagging->tags, write->tag);
	if (write->info.n > 0) {
		json_put_key(&content, write->tag);
		buf_put(&content, write->info);
	}
	buf_put(&content, STR("}}"));
	TRY(buf_finish(&content, &text));
	return account_data_put(txn, write->session->user, room, TAG_TYPE, text);
}

static enum rc write_tag(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct tag_write *write = arg;
	const struct session *session = write->session;
	struct arena scratch CLEANUP(arena_release);
	struct tagging tagging;
	int64_t room;
	arena_init(&scratch, TAG_SCRATCH_BYTES);
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	TRY(account_data_room(
	    txn_reading(txn), &scratch, session->user, write->room_id, &room, fail));
	TRY(tagging_read(txn_reading(txn), &scratch, session->user, room, &tagging));
	bool is_there = json_get(tagging.tags, write->tag) != NULL;
	if (write->info.n == 0 && !is_there)
		return RC_OK;
	if (write->info.n > 0 && !is_there && json_count(tagging.tags) >= TAGS_MAX)
		return fail_set(fail, RC_TOO_LARGE, "A room may have at most %d tags", TAGS_MAX);
	return changed_write(txn, &scratch, &tagging, room, write);
}

static enum rc tag_check(str tag, struct fail *fail)
{
	if (tag.n == 0 || tag.n > TAG_MAX_BYTES)
		return fail_set(
		    fail, RC_INVALID_PARAM, "The tag must have 1 to %d bytes", TAG_MAX_BYTES);
	return RC_OK;
}

static enum rc order_check(json order, struct fail *fail)
{
	int64_t integer;
	double number;
	if (!order)
		return RC_OK;
	if (json_integer(order, &integer))
		number = (double)integer;
	else if (!json_double(order, &number))
		return fail_set(fail, RC_BAD_JSON, "order must be a number");
	if (number >= 0 && number <= 1)
		return RC_OK;
	return fail_set(fail, RC_INVALID_PARAM, "order must be from 0 to 1");
}

enum rc tag_set(struct accounts *accounts, struct arena *arena, const struct session *session,
    str room_id, str tag, json info, struct fail *fail)
{
	struct tag_write write = {.session = session, .room_id = room_id, .tag = tag};
	struct buf text;
	TRY(tag_check(tag, fail));
	TRY(order_check(json_get(info, STR("order")), fail));
	buf_init(&text, arena, TAG_INFO_MAX_BYTES);
	json_put(&text, info);
	enum rc rc = buf_finish(&text, &write.info);
	if (rc == RC_TOO_LARGE)
		return fail_set(fail, rc, "What is said of a tag may have at most %d bytes",
		    TAG_INFO_MAX_BYTES);
	TRY(rc);
	return store_write(accounts->config.store, write_tag, &write, fail);
}

enum rc tag_unset(struct accounts *accounts, const struct session *session, str room_id, str tag,
    struct fail *fail)
{
	struct tag_write write = {.session = session, .room_id = room_id, .tag = tag};
	TRY(tag_check(tag, fail));
	return store_write(accounts->config.store, write_tag, &write, fail);
}
