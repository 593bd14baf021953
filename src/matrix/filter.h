/*
 * Filters: Client-Server API, "Filtering". What a client wants to see of sync, messages and context.
 *
 * A filter is parsed once into an arena and then asked about each event; the questions take no memory. Members
 * that the specification does not know are ignored. Any thread.
 */
#ifndef EXEUNT_MATRIX_FILTER_H
#define EXEUNT_MATRIX_FILTER_H

#include "codec/json.h"

enum {
	FILTER_LIST_MAX = 1000,       /* entries of one list */
	FILTER_ENTRY_MAX_BYTES = 255, /* of a type, a sender, a room */
	FILTER_FIELDS_MAX = 100,      /* entries of event_fields */
	FILTER_FIELD_MAX_BYTES = 1024 /* of one of them */
};

/* A list of the filter; an empty list that is given lets nothing pass, one that is not given lets all pass. */
struct filter_list {
	const str *entries;
	size_t count;
	bool given;
};

/* EventFilter and RoomEventFilter; for presence and global account data only the first five are read. */
struct event_filter {
	struct filter_list types, not_types;     /* '*' stands for any characters, also none */
	struct filter_list senders, not_senders; /* user ids */
	bool has_limit;
	int64_t limit;                           /* when has_limit: 0 or more, the caller imposes a maximum */
	struct filter_list rooms, not_rooms;     /* room ids */
	bool has_contains_url;
	bool contains_url;                       /* when has_contains_url: content must, or must not, have `url` */
	bool lazy_load_members;
	bool include_redundant_members;
	bool unread_thread_notifications;
	/* Only events that have a child of one of these types, by one of these users (MSC3440); for whoever knows children. */
	struct filter_list related_by_rel_types, related_by_senders;
};

struct room_filter {
	struct filter_list rooms, not_rooms;
	bool include_leave;
	struct event_filter state, timeline, ephemeral, account_data;
};

struct filter {
	struct filter_list event_fields; /* paths: filter_put_fields() */
	bool federation_format;          /* event_format is "federation" */
	struct event_filter presence, account_data;
	struct room_filter room;
};

/*
 * Reads a filter. RC_NOT_JSON; RC_BAD_JSON for a member of the wrong kind; RC_INVALID_PARAM for a value that is none
 * (a negative limit, no user ID, a list beyond FILTER_LIST_MAX, …). The sentence names the member by its path.
 */
MUST_CHECK enum rc filter_parse(struct arena *arena, str text, struct filter *ret_filter, struct fail *fail);

/* The same for the filter of /messages and /context, a RoomEventFilter alone. */
MUST_CHECK enum rc filter_parse_room_event(struct arena *arena, str text, struct event_filter *ret_filter,
                                           struct fail *fail);

/* Whether `room_id` passes the filter's room.rooms and room.not_rooms. `filter` may be NULL: all pass. */
bool filter_allows_room(const struct filter *filter, str room_id);

/* Whether a section of the filter lets the events of this room pass. */
bool filter_section_allows_room(const struct event_filter *section, str room_id);

/* Whether an event of `type` by `sender` passes; for what is no room event (sender empty: not looked at). */
bool filter_allows(const struct event_filter *section, str type, str sender);

/* Whether a room event passes, by its canonical bytes: type, sender, content's url. Rooms are asked for above. */
bool filter_allows_event(const struct event_filter *section, str canonical);

/* Whether it says something of an event's children, which filter_allows_event() knows nothing of. `section` may be NULL. */
bool filter_asks_for_children(const struct event_filter *section);

/*
 * Appends an event in the form for clients (compact JSON) with what event_fields names and nothing else. Not to be called
 * when event_fields is not given.
 */
void filter_put_fields(const struct filter *filter, struct buf *out, str event);

#endif
