/* The form for clients: Client-Server API, "Room event format" and the differences that sync makes. */
#include "codec/canonical.h"
#include "matrix/event_int.h"

/* Raw JSON of the members that are taken over; empty when they are not there. */
struct members {
	str content, origin_server_ts, redacts, sender, state_key, type;
};

static struct members scan(str canonical)
{
	struct members found = {0};
	const struct {
		str key;
		str *value;
	} wanted[] = {
		{STR("content"), &found.content},     {STR("origin_server_ts"), &found.origin_server_ts},
		{STR("redacts"), &found.redacts},     {STR("sender"), &found.sender},
		{STR("state_key"), &found.state_key}, {STR("type"), &found.type},
	};
	str key, value;
	while (canonical_next_member(&canonical, &key, &value))
		for (size_t i = 0; i < COUNT_OF(wanted); i++)
			if (str_eq(key, wanted[i].key))
				*wanted[i].value = value;
	return found;
}

static str member_of(str object, str wanted)
{
	str key, value;
	while (canonical_next_member(&object, &key, &value))
		if (str_eq(key, wanted))
			return value;
	return STR_EMPTY;
}

/* `,"key":` and the raw value, unless that is empty. `key` needs no escape. */
static void put_raw(struct buf *buf, str key, str value)
{
	if (value.n == 0)
		return;
	json_put_comma(buf);
	buf_putc(buf, '"');
	buf_put(buf, key);
	buf_put(buf, STR("\":"));
	buf_put(buf, value);
}

static void put_text(struct buf *buf, str key, str text)
{
	if (text.n == 0)
		return;
	json_put_key(buf, key);
	json_put_text(buf, text);
}

/* `redacts` moves with the room version; clients of any age find it in their place. */
static void put_content(struct buf *buf, const struct members *found, str redacts_in_content)
{
	if (found->redacts.n == 0 || redacts_in_content.n || found->content.n < 2) {
		put_raw(buf, STR("content"), found->content);
		return;
	}
	put_raw(buf, STR("content"), str_first(found->content, found->content.n - 1));
	put_raw(buf, STR("redacts"), found->redacts);
	buf_putc(buf, '}');
}

static void put_unsigned(struct buf *buf, const struct event_unsigned *data)
{
	json_put_key(buf, STR("unsigned"));
	buf_putc(buf, '{');
	if (data->age_ms >= 0) {
		json_put_key(buf, STR("age"));
		buf_put_i64(buf, data->age_ms);
	}
	put_raw(buf, STR("m.relations"), data->relations);
	put_text(buf, STR("membership"), data->membership);
	put_text(buf, STR("org.matrix.msc4140.delay_id"), data->delay_id);
	put_raw(buf, STR("prev_content"), data->prev_content);
	put_text(buf, STR("prev_sender"), data->prev_sender);
	put_raw(buf, STR("redacted_because"), data->redacted_because);
	put_text(buf, STR("replaces_state"), data->replaces_state);
	put_text(buf, STR("transaction_id"), data->transaction_id);
	buf_putc(buf, '}');
}

/* What a server would get, with the id that clients cannot compute and our unsigned. */
static void put_federation(
    struct buf *buf, str canonical, str event_id, const struct event_unsigned *unsigned_data)
{
	str key, value;
	buf_putc(buf, '{');
	while (canonical_next_member(&canonical, &key, &value))
		if (!str_eq(key, STR("unsigned")) && !str_eq(key, STR("event_id")))
			put_raw(buf, key, value);
	put_text(buf, STR("event_id"), event_id);
	if (unsigned_data)
		put_unsigned(buf, unsigned_data);
	buf_putc(buf, '}');
}

void event_put_client(struct buf *buf, str canonical, str event_id, str room_id, enum event_form form,
                      const struct event_unsigned *unsigned_data)
{
	if (form == EVENT_FORM_FEDERATION) {
		put_federation(buf, canonical, event_id, unsigned_data);
		return;
	}
	struct members found = scan(canonical);
	bool whole = form == EVENT_FORM_CLIENT || form == EVENT_FORM_SYNC;
	bool is_redaction = str_eq(found.type, STR("\"m.room.redaction\""));
	str in_content = is_redaction ? member_of(found.content, STR("redacts")) : STR_EMPTY;
	if (!is_redaction)
		found.redacts = STR_EMPTY;
	buf_putc(buf, '{');
	put_content(buf, &found, in_content);
	if (whole)
		put_text(buf, STR("event_id"), event_id);
	if (form != EVENT_FORM_STRIPPED)
		put_raw(buf, STR("origin_server_ts"), found.origin_server_ts);
	if (whole)
		put_raw(buf, STR("redacts"), found.redacts.n ? found.redacts : in_content);
	if (form == EVENT_FORM_CLIENT)
		put_text(buf, STR("room_id"), room_id);
	put_raw(buf, STR("sender"), found.sender);
	put_raw(buf, STR("state_key"), found.state_key);
	put_raw(buf, STR("type"), found.type);
	if (whole && unsigned_data)
		put_unsigned(buf, unsigned_data);
	buf_putc(buf, '}');
}
